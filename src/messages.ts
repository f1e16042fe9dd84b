/**
 * What this deployment's messages are, and what its devices may send: the file to edit.
 *
 * A type of message has a schema for its data, and says how it is delivered where the publisher is silent:
 *
 * ```ts
 * const orderShipped = defineMessage("order.shipped", {
 *   data: z.object({ order: z.int(), carrier: z.string().optional() }),
 *   priority: "high",
 *   collapseKey: ({ order }) => `order:${order}`,
 *   category: "orders",
 * });
 * ```
 *
 * A handler takes what devices send by `client.send(name, data)`, and answers them:
 *
 * ```ts
 * const confirmDelivery = defineHandler("delivery.confirm", {
 *   data: z.object({ order: z.int() }),
 *   scope: "deliveries",
 *   handle: async ({ order }, { user, publish }) => {
 *     await publish({ to: { user }, type: "notification", data: { title: `Order ${order} has arrived` } });
 *     return { confirmed: order };
 *   },
 * });
 * ```
 *
 * Put them into the lists below; `docs/message-types.md` tells the rest.
 */
import { notification, workflowProgress } from "./define/built-in.ts";
import { defineHandlers } from "./define/define-handler.ts";
import { defineMessages } from "./define/define-message.ts";
import type { HandlersOf, MessagesOf } from "./define/types.ts";

export const messages = defineMessages(notification, workflowProgress);
export const handlers = defineHandlers();

/** For `HubClient<Messages, Handlers>` and `HubPublisher<Messages>`. */
export type Messages = MessagesOf<typeof messages>;
export type Handlers = HandlersOf<typeof handlers>;
