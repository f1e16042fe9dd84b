/** Who wants which message. A message is handled once everybody who wants it has handled it. */
import type { Message } from "./message.ts";

/** Every message, whatever its type. */
export const anyType = "*";

export interface Handler {
  readonly type: string;
  /** A method, so that handlers of one declared type may stand beside others: the app vouches for the shapes of its types. */
  handle(message: Message): unknown;
  /** What it handled last, for the case that others have to try that again. */
  done?: Message;
}

export class Handlers {
  readonly #handlers = new Set<Handler>();
  #added: (() => void) | undefined;

  /** @returns takes it off again */
  add(handler: Handler): () => void {
    this.#handlers.add(handler);
    this.#added?.();
    return () => this.#handlers.delete(handler);
  }

  /** Hands a message on; rejects when somebody could not handle it. Without any handler it waits for one. */
  async handle(message: Message): Promise<void> {
    while (this.#handlers.size === 0) {
      await new Promise<void>((added) => {
        this.#added = added;
      });
    }
    const wanting = [...this.#handlers].filter(
      ({ done, type }) => done !== message && [anyType, message.type].includes(type),
    );
    const tried = await Promise.allSettled(
      wanting.map(async (handler) => {
        await handler.handle(message);
        handler.done = message;
      }),
    );
    const failed = tried.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}
