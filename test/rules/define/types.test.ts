/** The types that the SDKs get from definitions; `npm run check` looks at the assertions. */
import { expect, expectTypeOf, test, vi } from "vitest";
import { z } from "zod";
import { HubClient } from "../../../src/client/index.ts";
import { defineHandler, defineHandlers } from "../../../src/define/define-handler.ts";
import { defineMessage, defineMessages } from "../../../src/define/define-message.ts";
import type { HandlersOf, MessagesOf } from "../../../src/define/types.ts";
import type {
  Handlers as DeploymentHandlers,
  Messages as DeploymentMessages,
} from "../../../src/messages.ts";
import { HubPublisher } from "../../../src/publisher/index.ts";

const messages = defineMessages(
  defineMessage("order.shipped", {
    data: z.object({ order: z.int().brand<"Order">(), parcels: z.int().default(1) }),
    collapseKey: ({ order, parcels }) => {
      expectTypeOf(parcels).toBeNumber();
      return `order:${order}`;
    },
  }),
);
const handlers = defineHandlers(
  defineHandler("order.cancel", {
    data: z.object({ order: z.string().transform(Number) }),
    scope: "orders",
    handle: async ({ order }) => {
      expectTypeOf(order).toBeNumber();
      return { cancelled: new Date(order) };
    },
  }),
);
type Messages = MessagesOf<typeof messages>;
type Handlers = HandlersOf<typeof handlers>;

test("a message has the data as it is published, and a handler what is sent and comes back", () => {
  expectTypeOf<Messages>().toEqualTypeOf<{
    "order.shipped": { order: number; parcels?: number | undefined };
  }>();
  expectTypeOf<Handlers>().toEqualTypeOf<{
    "order.cancel": { data: { order: string }; result: { cancelled: string } };
  }>();
  expectTypeOf<keyof DeploymentMessages>().toEqualTypeOf<"notification" | "workflow.progress">();
  expectTypeOf<keyof DeploymentHandlers>().toEqualTypeOf<never>();
});

test("the client and the publisher take them", () => {
  const url = "https://hub.example.com";
  const client = new HubClient<Messages, Handlers>({ url, token: vi.fn() });
  client.on("order.shipped", ({ data }) => expectTypeOf(data.order).toBeNumber());
  expectTypeOf(client.send<"order.cancel">).returns.resolves.toEqualTypeOf<{ cancelled: string }>();
  const hub = new HubPublisher<Messages>({ url, key: "key" });
  expectTypeOf(hub.publish).toBeCallableWith({
    to: { user: "alice" },
    type: "order.shipped",
    data: { order: 7 },
  });
  expect(client.status.state).toBe("stopped");
});
