/** `/v1/users/:user/preferences`: what a user wants to be disturbed by. Set by servers, and by the user's own devices. */
import { requestLimits } from "../limits.ts";
import { userPreferences } from "../protocol/preferences.ts";
import { requireScopeOrSelf } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { Handler } from "./context.ts";
import { hubOf, userOf } from "./users.ts";

/** Answers with the `UserPreferences`; those of a user who has said nothing are `{ muted: [] }`. */
export const preferences: Handler = async (context) => {
  const user = userOf(context);
  await requireScopeOrSelf(context, "users:read", user);
  return context.json(await hubOf(context, user).preferences());
};

/** Puts these in the place of all that was said before, and answers with them. */
export const setPreferences: Handler = async (context) => {
  const user = userOf(context);
  await requireScopeOrSelf(context, "users:write", user);
  const wanted = await readBody(context.req.raw, userPreferences, requestLimits.maxSmallBodyBytes);
  return context.json(await hubOf(context, user).setPreferences(wanted));
};

/** Forgets them, and answers with what holds from then on. */
export const forgetPreferences: Handler = async (context) => {
  const user = userOf(context);
  await requireScopeOrSelf(context, "users:write", user);
  return context.json(await hubOf(context, user).setPreferences(undefined));
};
