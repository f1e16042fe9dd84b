/** What every token of the simulation grants: all topics. */
import type { Grants } from "../../../../src/auth/grants.ts";
import { topicPattern } from "../../../../src/protocol/topic-pattern.ts";

export const allGranted: Grants = { topics: [topicPattern.parse("**")], scopes: [] };
