/** `GET /v1/key`: which key this is, and what it may do, so that a tool can tell before anything is refused. */
import { requireApiKey } from "./authenticate.ts";
import type { Handler } from "./context.ts";

/** Answers any good API key with `{ id, scopes, topics? }`: the topics where it is for some only. */
export const ownKey: Handler = (context) => {
  const { id, scopes, topics } = requireApiKey(context);
  return context.json({ id, scopes, topics });
};
