/** What the holder of a connect token may do beyond reading its own inbox: join topics, and call the handlers of messages from devices. */
import { z } from "zod";
import { tokenLimits } from "../limits.ts";
import { namePattern } from "../protocol/ids.ts";
import { topicPattern } from "../protocol/topic-pattern.ts";

/** Topics that the user may join and leave by itself. */
export const grantedTopics = z.array(topicPattern).max(tokenLimits.maxGrants).readonly();
/** Scopes that handlers ask for, in names of the deployment's own choice. */
export const grantedScopes = z
  .array(z.string().regex(namePattern, "must be 1 to 128 characters out of A-Z a-z 0-9 _ . @ ~ - :"))
  .max(tokenLimits.maxGrants)
  .readonly();

export const grants = z.object({ topics: grantedTopics, scopes: grantedScopes });
export type Grants = z.infer<typeof grants>;

export const noGrants: Grants = { topics: [], scopes: [] };
