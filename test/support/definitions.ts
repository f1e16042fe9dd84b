/** Definitions of a deployment, for one test: the hub under test finds them beside its own. */
import { vi } from "vitest";
import type { HandlerDefinition } from "../../src/define/define-handler.ts";
import type { MessageDefinition } from "../../src/define/define-message.ts";
import * as deployment from "../../src/messages.ts";

export function withMessages(...definitions: readonly MessageDefinition[]): void {
  vi.spyOn(deployment.messages, "find").mockImplementation((name) =>
    [...deployment.messages.all, ...definitions].find((definition) => definition.name === name),
  );
}

export function withHandlers(...definitions: readonly HandlerDefinition[]): void {
  vi.spyOn(deployment.handlers, "find").mockImplementation((name) =>
    definitions.find((definition) => definition.name === name),
  );
}
