/** A hub in the process, for tests of what talks to one: a stream for its one user, and sockets that pump it. */
import type { HubApi } from "../../src/local/hub-api.ts";
import type { ServerFrame } from "../../src/protocol/frames.ts";
import { streamMessage, welcome } from "./client-driver.ts";
import { FakeSocket } from "./fake-socket.ts";

export interface HubFaults {
  /** Numbers that are stored and never sent. */
  readonly withhold?: readonly number[];
  /** Closes every connection with this code instead of a welcome. */
  readonly refuse?: number;
  /** Lets each connection begin at the head, as if everything before were gone. */
  readonly forget?: boolean;
  /** Said right after every welcome. */
  readonly aside?: ServerFrame;
  /** Stores a message that nobody pushed, after so many that were. */
  readonly strayAfter?: number;
}

export function fakeHub({ withhold = [], refuse, forget = false, aside, strayAfter }: HubFaults = {}) {
  const stream: string[] = [];
  const sockets = new Set<HubSocket>();

  class HubSocket extends FakeSocket {
    sentUpTo = 0;

    constructor(url: string, protocols: readonly string[]) {
      super(url, protocols);
      queueMicrotask(() => this.admit());
    }

    admit(): void {
      if (refuse !== undefined) {
        this.end(refuse, "refused");
        return;
      }
      sockets.add(this);
      const asked = new URL(this.url).searchParams.get("seq");
      const resumed = asked !== null && !forget;
      this.sentUpTo = resumed ? Number(asked) : 0;
      this.receive(welcome({ from: this.sentUpTo, resumed, head: stream.length }));
      if (aside !== undefined) this.receive(aside);
      this.pump();
    }

    pump(): void {
      for (; this.sentUpTo < stream.length; this.sentUpTo += 1) {
        const seq = this.sentUpTo + 1;
        if (withhold.includes(seq)) continue;
        this.receive({ type: "messages", messages: [streamMessage(seq, stream[seq - 1])], unread: 0 });
      }
    }

    override close(code?: number, reason?: string): void {
      super.close(code, reason);
      sockets.delete(this);
    }
  }

  const api: HubApi = {
    token: async () => "token",
    push: async () => {
      const id = `message-${stream.length + 1}`;
      stream.push(id);
      if (stream.length === strayAfter) stream.push("message-of-nobody");
      for (const socket of sockets) socket.pump();
      return id;
    },
  };
  return { api, Socket: HubSocket };
}
