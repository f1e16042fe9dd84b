/** `POST /v1/users/:user/send`: what a device sends to a handler of the deployment, without a connection. */
import { z } from "zod";
import type { HandlingError } from "../hub/handling.ts";
import { requestLimits } from "../limits.ts";
import { messageType } from "../protocol/ids.ts";
import { requireSelf } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { Handler } from "./context.ts";
import { jsonText } from "./json-text.ts";
import { Problem, type ProblemCode } from "./problem.ts";
import { hubOf, userOf } from "./users.ts";

export const sendRequest = z.strictObject({
  name: messageType,
  /** As the handler of this name takes it. */
  data: z.unknown().prefault(null),
});

const problemCodes = {
  unknown_name: "unknown_name",
  forbidden: "insufficient_scope",
  bad_data: "invalid_data",
  limit: "too_many_running",
  timeout: "handler_timeout",
  failed: "handler_failed",
} as const satisfies Record<HandlingError, ProblemCode>;

/** Takes `{ name, data? }` and the user's own token; answers `{ data }` with what the handler answered, or `{}`. */
export const send: Handler = async (context) => {
  const user = userOf(context);
  const { device, grants } = await requireSelf(context, user);
  const { name, data } = await readBody(context.req.raw, sendRequest, requestLimits.maxSmallBodyBytes);
  const handled = await hubOf(context, user).send({
    name,
    data: JSON.stringify(data),
    device,
    scopes: grants.scopes,
  });
  if ("error" in handled) {
    const { error, message, faults = [] } = handled;
    throw new Problem(problemCodes[error], message, { faults });
  }
  return jsonText(handled.answer === undefined ? "{}" : `{"data":${handled.answer}}`);
};
