/** Taking a message back, after a question. */
import type { Api } from "../api.ts";
import { type To, toInWords } from "../draft.ts";
import { confirmed } from "./confirm.ts";
import { told } from "./outcome.ts";

/** Whether it is taken back, from these. */
export async function retracted(api: Api, outcome: Element, id: string, to: To): Promise<boolean> {
  const whom = "user" in to ? to.user : toInWords(to);
  const agreed = await confirmed({
    title: `Retract ${id}?`,
    text: `It is taken back from ${whom}: from the inbox, from devices that have it, and from those that are away.`,
    action: "Retract",
  });
  if (!agreed) return false;
  const answer = await told(
    outcome,
    () => api.retract(id, to),
    () => `Retracted from ${whom}: ${id}.`,
  );
  return answer !== undefined;
}
