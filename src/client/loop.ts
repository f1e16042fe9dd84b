/** Messages as a loop: `for await (const message of client.messages())`. Loaded when there is one. */
import { anyType, type Handlers } from "./handlers.ts";
import type { Message } from "./message.ts";

interface Waiting {
  readonly message: Message;
  handled(): void;
  failed(why: Error): void;
}

/**
 * Every message, one by one: asking for the next one says that this one is handled. Whoever leaves the loop
 * has not handled the message it is at.
 * @param reconnected resolves when there is a connection again, and rejects when it stops, which ends the loop
 */
export async function* loop(
  handlers: Handlers,
  reconnected: () => Promise<void>,
): AsyncGenerator<Message, void, undefined> {
  let next: Waiting | undefined;
  let wake = () => {};
  let over = false;
  const watch = async () => {
    try {
      while (!over) await reconnected();
    } catch {
      over = true;
      wake();
    }
  };
  watch();
  const takeOff = handlers.add({
    type: anyType,
    handle: (message) =>
      new Promise<void>((handled, failed) => {
        next = { message, handled, failed };
        wake();
      }),
  });
  try {
    while (!over) {
      if (next === undefined) {
        await new Promise<void>((woken) => {
          wake = woken;
        });
      } else {
        yield next.message;
        const { handled } = next;
        next = undefined;
        handled();
      }
    }
  } finally {
    over = true;
    takeOff();
    next?.failed(new Error("the loop was left"));
  }
}
