/** What the types of messages say of a publish request: that it is refused, or what its messages get where it is silent. */
import { judge, type MessageRegistry, type Strictness, type TypedMessage } from "../define/judge.ts";
import { log, thrownName } from "../observe/log.ts";
import type { Fault } from "../protocol/faults.ts";
import type { PublishedMessage } from "../protocol/message.ts";
import type { ProblemCode } from "./problem.ts";
import { refusal } from "./validate.ts";

/**
 * The messages in their order, each with what its type says.
 * @param batch whether they came as `messages`, so that faults say which one it is
 * @throws {Problem} with the faults of all, when there are any
 */
export function typed(
  messages: readonly PublishedMessage[],
  batch: boolean,
  types: MessageRegistry,
  strictness: Strictness,
): TypedMessage[] {
  const good: TypedMessage[] = [];
  const faults: Fault[] = [];
  let code: ProblemCode | undefined;
  messages.forEach((message, index) => {
    const judged = judge(message, types, strictness);
    if ("ok" in judged) {
      good.push({ message, defaults: judged.ok });
      return;
    }
    code ??= judged.code;
    const place = batch ? `messages[${index}].` : "";
    faults.push(...judged.faults.map((fault) => ({ ...fault, path: `${place}${fault.path}` })));
    if ("thrown" in judged)
      log("error", "definition_failed", { code: message.type, error: thrownName(judged.thrown) });
  });
  if (code !== undefined) throw refusal(code, faults);
  return good;
}
