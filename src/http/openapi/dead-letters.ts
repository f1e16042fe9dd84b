/** The operations on dead letters. */
import { letterPath, listQuery } from "../dead-letters.ts";
import { deadLetterPage, redriven } from "./answers.ts";
import type { Operations } from "./operation.ts";

export const deadLetterOperations: Operations = {
  "/v1/dead-letters": {
    GET: {
      id: "deadLetters",
      tag: "Dead letters",
      summary: "What could not be delivered, newest first.",
      asker: { scope: "dead-letters" },
      query: listQuery,
      answers: { 200: { description: "A page.", body: deadLetterPage } },
    },
  },
  "/v1/dead-letters/:key": {
    DELETE: {
      id: "discard",
      tag: "Dead letters",
      summary: "Remove a dead letter for good.",
      asker: { scope: "dead-letters" },
      path: letterPath,
      answers: { 204: { description: "It is gone." } },
      problems: ["not_found"],
    },
  },
  "/v1/dead-letters/:key/redrive": {
    POST: {
      id: "redrive",
      tag: "Dead letters",
      summary: "Put a dead letter back into its lane.",
      asker: { scope: "dead-letters" },
      path: letterPath,
      answers: { 202: { description: "It is on its way again.", body: redriven } },
      problems: ["not_found", "too_old", "expired", "lane_unavailable"],
    },
  },
};
