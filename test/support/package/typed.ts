/** What the declarations must let through, and what not: an expected error that does not come is an error. */
import { HubClient, memoryStorage, webStorage } from "hubbub/client";
import type { Handlers, Messages } from "hubbub/messages";
import { HubError, HubPublisher } from "hubbub/publisher";

interface Types {
  readonly "order.shipped": { readonly order: number };
  readonly notification: { readonly title: string };
}

const url = "https://hub.example.com";
const client = new HubClient<Types>({ url, token: async () => "token", storage: webStorage("hubbub:alice") });

client.on("order.shipped", ({ data, id }) => {
  const order: number = data.order;
  // Ids are plain strings.
  const known: string = id;
  void client.read({ ids: [known, `order-${order}`] });
});
// @ts-expect-error: a type that was not declared
client.on("order.lost", () => {});
// @ts-expect-error: the data of another type
client.on("notification", ({ data }) => data.order);
client.on("*", (message) => {
  if (message.type === "notification") message.data.title.toUpperCase();
  // @ts-expect-error: could be any of the types
  message.data.order;
});

export async function titles(): Promise<string[]> {
  const seen: string[] = [];
  for await (const message of client.messages()) {
    if (message.type === "notification") seen.push(message.data.title);
  }
  for (const message of (await client.inbox()).messages) {
    if (message.type === "notification" && !message.read) seen.push(message.data.title);
  }
  return seen;
}

// Without a map, any type with data of any shape.
const plain = new HubClient({ url, token: async () => "token", device: "phone", storage: memoryStorage() });
plain.on("anything", ({ data }) => {
  // @ts-expect-error: nothing is known of it
  data.title;
});

// @ts-expect-error: nothing to connect with
new HubClient({ url });

// The types of the deployment that the package was built from.
const deployed = new HubClient<Messages, Handlers>({ url, token: async () => "token" });
deployed.on("workflow.progress", ({ data }) => {
  const done: number = data.progress;
  // @ts-expect-error: no such status
  if (data.status === "asleep") throw new Error(`${done}`);
});
// @ts-expect-error: a type that is not defined there
deployed.on("order.shipped", () => {});
const ownHub = new HubPublisher<Messages>({ url, key: "key" });
void ownHub.publish({ to: { user: "alice" }, type: "notification", data: { title: "Hello" } });
// @ts-expect-error: a notification has a title
void ownHub.publish({ to: { user: "alice" }, type: "notification", data: { body: "Hello" } });

const hub = new HubPublisher<Types>({ url, key: "key" });

export async function shipped(order: number): Promise<string> {
  try {
    // @ts-expect-error: data of another type
    await hub.publish({ to: { user: "alice" }, type: "order.shipped", data: { title: "Shipped" } });
    const receipt = await hub.publish({ to: { user: "alice" }, type: "order.shipped", data: { order } });
    return receipt.id;
  } catch (error) {
    return error instanceof HubError ? error.code : "unknown";
  }
}
