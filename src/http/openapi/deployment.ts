/** The operations on the hub itself. */
import { z } from "zod";
import { health, lanesView, ownKey } from "./answers.ts";
import type { Operations } from "./operation.ts";

export const deploymentOperations: Operations = {
  "/health": {
    GET: {
      id: "health",
      tag: "Deployment",
      summary: "The process answers and is configured.",
      asker: "anybody",
      answers: { 200: { description: "It is.", body: health } },
    },
  },
  "/openapi.json": {
    GET: {
      id: "openApi",
      tag: "Deployment",
      summary: "This document.",
      asker: "anybody",
      answers: { 200: { description: "OpenAPI 3.1.", body: z.object({ openapi: z.string() }).loose() } },
    },
  },
  "/v1/key": {
    GET: {
      id: "ownKey",
      tag: "Deployment",
      summary: "Which key this is, and what it may do.",
      asker: { scope: null },
      answers: { 200: { description: "The key.", body: ownKey } },
    },
  },
  "/v1/lanes": {
    GET: {
      id: "lanes",
      tag: "Deployment",
      summary: "What waits in each lane, and what was counted of it.",
      asker: { scope: "metrics" },
      answers: { 200: { description: "As of now.", body: lanesView } },
    },
  },
};
