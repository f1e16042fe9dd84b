/** Those who push: with ids of their own, trying again with the same ids until they have an answer. */

import { encodeDead } from "../../../src/lanes/dead-record.ts";
import type { Addressed } from "../../../src/lanes/envelope.ts";
import { isDead } from "../../../src/lanes/settle.ts";
import { collapseKey, messageId, messageType, type UserId } from "../../../src/protocol/ids.ts";
import { accept, type PublishedMessage } from "../../../src/protocol/message.ts";
import { type Priority, priorities } from "../../../src/protocol/priority.ts";
import type { Deliver, ModelLanes } from "./lanes.ts";
import type { Ledger } from "./ledger.ts";
import { Unreachable } from "./unreachable.ts";
import type { World } from "./world.ts";

const type = messageType.parse("notification");
const keys = ["a", "b"].map((key) => collapseKey.parse(key));
const dayMs = 24 * 60 * 60 * 1_000;

export class Publisher {
  /** Requests without an answer. */
  waiting = 0;
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #lanes: ModelLanes;
  readonly #deliver: Deliver;
  readonly #users: readonly UserId[];
  readonly #priorities: readonly Priority[];
  #sent: { readonly message: PublishedMessage; readonly at: number }[] = [];

  constructor(world: World, ledger: Ledger, lanes: ModelLanes, deliver: Deliver, users: readonly UserId[]) {
    this.#world = world;
    this.#ledger = ledger;
    this.#lanes = lanes;
    this.#deliver = deliver;
    this.#users = users;
    // Some runs are nearly all critical, to fill an inbox with what may not be evicted.
    this.#priorities = world.random.pick([
      priorities,
      priorities,
      ["critical", "critical", "critical", "low"],
    ]);
  }

  /** One request of so many messages. */
  publish(count: number, live = false): void {
    const messages = Array.from({ length: count }, () => this.#message(live));
    for (const message of messages) this.#sent.push({ message, at: this.#world.now });
    this.#request(messages);
  }

  /** A request from before, once more, though it had its answer. */
  repeat(): void {
    const again = this.#recent();
    if (again !== undefined) this.#request([again]);
  }

  /** The id of another message. */
  reuse(): void {
    const again = this.#recent();
    if (again === undefined || again.ttl === 0) return;
    this.#world.struck("id reused for something else", "publisher");
    this.#request([{ ...again, data: textData(`other ${this.#world.fresh("body")}`) }]);
  }

  #recent(): PublishedMessage | undefined {
    this.#sent = this.#sent.filter(({ at }) => this.#world.now - at < dayMs).slice(-20);
    return this.#sent.length === 0 ? undefined : this.#world.random.pick(this.#sent).message;
  }

  #message(live: boolean): PublishedMessage {
    const { random } = this.#world;
    const id = messageId.parse(this.#world.fresh("message"));
    return {
      to: { users: random.chance(0.2) ? [...this.#users] : [random.pick(this.#users)] },
      type,
      priority: random.pick(this.#priorities),
      data: textData("x".repeat(random.pick([2, 10, 60, 150]))),
      ttl: live ? 0 : random.pick([undefined, undefined, undefined, 2, 30, 300]),
      collapseKey: !live && random.chance(0.25) ? random.pick(keys) : undefined,
      id,
    };
  }

  #request(messages: readonly PublishedMessage[]): void {
    this.waiting += 1;
    const done =
      this.#attempt(messages) && !this.#world.strikes("publisher got no answer", "publisher", 0.05);
    this.waiting -= 1;
    if (done) return;
    this.waiting += 1;
    this.#world.schedule.after(this.#world.random.between(500, 5_000), () => {
      this.waiting -= 1;
      this.#request(messages);
    });
  }

  /** @returns whether the request was accepted, whole */
  #attempt(published: readonly PublishedMessage[]): boolean {
    const items = published.map(
      (message): Addressed => ({
        message: accept(message, messageId.parse("never-used"), this.#world.wall(), { priority: "normal" }),
        users: "users" in message.to ? message.to.users : [],
      }),
    );
    for (const { message, users } of items) this.#ledger.publish(message.id, users);
    this.#world.note(
      "publisher",
      "asks",
      items.map(({ message, users }) => [message.id, message.priority, ...users]),
    );
    const direct = items.filter(({ message }) => message.priority === "critical");
    const rest = items.filter(({ message }) => message.priority !== "critical");
    if (!this.#lanes.enqueue(rest)) return false;
    this.#accept(rest);
    return direct.every((item) => this.#direct(item));
  }

  /** A critical message goes to the object at once, and to its lane where that fails. */
  #direct({ message, users }: Addressed): boolean {
    return users.every((user) => {
      const one = [{ message, users: [user] }];
      const [verdict] = this.#call(user, one);
      if (verdict === undefined) {
        if (!this.#lanes.enqueue(one)) return false;
        this.#accept(one);
      } else if (isDead(verdict.verdict)) {
        const record = {
          message,
          users: [user],
          reason: verdict.verdict,
          attempts: 1,
          error: "",
          at: this.#world.wall(),
        };
        if (!this.#lanes.send("dead", [encodeDead(record)])) return false;
        this.#accept(one);
      }
      return true;
    });
  }

  #call(user: UserId, items: readonly Addressed[]) {
    try {
      return this.#deliver(
        user,
        items.map(({ message }) => message),
      ).verdicts;
    } catch (error) {
      if (error instanceof Unreachable) return [];
      throw error;
    }
  }

  #accept(items: readonly Addressed[]): void {
    for (const { message, users } of items) this.#ledger.accept(message.id, users);
  }
}

function textData(value: string): PublishedMessage["data"] {
  return { value, text: JSON.stringify(value) };
}
