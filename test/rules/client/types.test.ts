/** What the types of an app's messages are worth; `npm run check` finds what is wrong here. */
import { describe, expectTypeOf, test } from "vitest";
import { z } from "zod";
import {
  HubClient,
  type Message,
  type MessageOf,
  type Preferences,
  type QuietHours,
  type Subscription,
} from "../../../src/client/index.ts";
import { defineHandler, defineHandlers } from "../../../src/define/define-handler.ts";
import type { HandlersOf } from "../../../src/define/types.ts";
import type { Messages } from "../../../src/messages.ts";
import type { QuietHours as HubQuietHours, UserPreferences } from "../../../src/protocol/preferences.ts";

interface Types {
  "order.shipped": { readonly order: number };
  notification: { readonly title: string; readonly badge?: number };
}

const options = { url: "http://hub.test", token: async () => "token" };
const client = new HubClient<Types>(options);

describe("an app that declares its messages", () => {
  test("gets the data of each type in its handlers", () => {
    client.on("order.shipped", (message) => {
      expectTypeOf(message).toEqualTypeOf<Message<"order.shipped", { readonly order: number }>>();
      expectTypeOf(message.data.order).toBeNumber();
    });
    client.on("notification", ({ type, data, seq }) => {
      expectTypeOf(type).toEqualTypeOf<"notification">();
      expectTypeOf(data.badge).toEqualTypeOf<number | undefined>();
      expectTypeOf(seq).toEqualTypeOf<number | undefined>();
    });
  });

  test("can't misspell a type or a field", () => {
    // @ts-expect-error no such type
    client.on("order.shiped", () => {});
    // @ts-expect-error no such field
    client.on("notification", ({ data }) => data.text);
    // @ts-expect-error a title is text
    client.on("notification", ({ data }) => data.title * 2);
    // @ts-expect-error this data is of another type
    client.on("order.shipped", (message: Message<"order.shipped", Types["notification"]>) => message.id);
    // @ts-expect-error what is handed out is not to be changed
    client.on("order.shipped", ({ data }) => data.order++);
  });

  test("gets any of them for any type, told apart by their type", () => {
    client.on("*", (message) => {
      expectTypeOf(message).toEqualTypeOf<MessageOf<Types>>();
      if (message.type === "notification") expectTypeOf(message.data.title).toBeString();
      else expectTypeOf(message.data.order).toBeNumber();
    });
    const loop = async () => {
      for await (const message of client.messages()) {
        expectTypeOf(message).toEqualTypeOf<MessageOf<Types>>();
        if (message.type === "order.shipped") return message.data.order;
        // @ts-expect-error a notification has no order
        message.data.order;
      }
      return 0;
    };
    expectTypeOf(loop).returns.resolves.toBeNumber();
  });

  test("may declare them by a type as well as by an interface", () => {
    type Declared = { readonly note: { readonly text: string } };
    new HubClient<Declared>(options).on("note", ({ data }) => expectTypeOf(data.text).toBeString());
  });

  test("may handle asynchronously, and take a handler off", () => {
    const takeOff = client.on("notification", async ({ data }) => data.title);
    expectTypeOf(takeOff).toEqualTypeOf<() => void>();
    takeOff();
  });
});

test("an app that declares nothing may name any type, and must look at what it gets", () => {
  new HubClient(options).on("anything", ({ data }) => {
    expectTypeOf(data).toBeUnknown();
  });
});

describe("an app that takes its types from the hub's definitions", () => {
  test("gets the data of the messages that are defined", () => {
    new HubClient<Messages>(options).on("workflow.progress", ({ data }) => {
      expectTypeOf(data.workflow).toBeString();
      // @ts-expect-error no such field
      data.percent;
    });
  });

  test("sends to the handlers that are defined, what they take, and gets what they answer", () => {
    const handlers = defineHandlers(
      defineHandler("todo.done", {
        data: z.object({ todo: z.int() }),
        scope: "todo",
        handle: async ({ todo }) => ({ left: todo - 1 }),
      }),
    );
    const { send } = new HubClient<Messages, HandlersOf<typeof handlers>>(options);
    expectTypeOf(send).toBeCallableWith("todo.done", { todo: 7 });
    expectTypeOf(send<"todo.done">).returns.resolves.toEqualTypeOf<{ left: number }>();
    // @ts-expect-error data of another shape
    expectTypeOf(send).toBeCallableWith("todo.done", { todo: "7" });
    // @ts-expect-error no such handler
    expectTypeOf(send).toBeCallableWith("todo.undone", { todo: 7 });
  });

  test("or from none, and then must look at what is answered", () => {
    expectTypeOf(client.send).toBeCallableWith("anything", { any: "thing" });
    expectTypeOf(client.send).returns.resolves.toBeUnknown();
  });
});

describe("what the app is told and may ask", () => {
  test("of topics, preferences and the hub's own words is as the hub has it", () => {
    expectTypeOf(client.subscribe).toBeCallableWith("team.7", { presence: true });
    expectTypeOf(client.topics).returns.resolves.toEqualTypeOf<readonly Subscription[]>();
    expectTypeOf<keyof Preferences>().toEqualTypeOf<keyof UserPreferences>();
    expectTypeOf<keyof QuietHours>().toEqualTypeOf<keyof HubQuietHours>();
    expectTypeOf(client.setPreferences).toBeCallableWith(null);
    expectTypeOf(client.setPreferences).toBeCallableWith({
      quietHours: { timeZone: "UTC", from: "22:00", to: "07:00" },
    });
    // @ts-expect-error no such priority
    expectTypeOf(client.setPreferences).toBeCallableWith({ minPriority: "loud" });
    expectTypeOf(HubClient).toBeConstructibleWith({
      ...options,
      topics: ["team.7"],
      onWithdrawn: ({ id, reason, device }) => [id, reason, device],
      onPresence: ({ online, asOf }) => [online, asOf],
    });
  });

  test("is named in full", () => {
    expectTypeOf(client.read).toBeCallableWith({ ids: ["message-1"] });
    expectTypeOf(client.read).toBeCallableWith({ upTo: 4 });
    // @ts-expect-error neither ids nor a number
    expectTypeOf(client.read).toBeCallableWith({});
    expectTypeOf(client.inbox).toBeCallableWith({ cursor: 4, limit: 10, unread: true });
    // @ts-expect-error no such parameter
    expectTypeOf(client.inbox).toBeCallableWith({ before: 4 });
    const { status } = client;
    if (status.state === "waiting") expectTypeOf(status.forMs).toBeNumber();
    // @ts-expect-error only who waits knows for how long
    if (status.state === "live") expectTypeOf(status.forMs).toBeNumber();
    // @ts-expect-error a client without a token can't connect
    expectTypeOf(HubClient).toBeConstructibleWith({ url: "http://hub.test" });
  });
});
