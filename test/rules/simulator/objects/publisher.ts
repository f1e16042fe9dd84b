/** Those who push, by the Worker's own `commit`: with ids of their own, trying again until they have an answer. */

import { commit } from "../../../../src/http/commit.ts";
import { Problem } from "../../../../src/http/problem.ts";
import { withdrawal } from "../../../../src/lanes/withdrawal.ts";
import { collapseKey, messageId, messageType, type Topic } from "../../../../src/protocol/ids.ts";
import {
  type AcceptedMessage,
  type Audience,
  accept,
  cancelEvents,
  type PublishedMessage,
} from "../../../../src/protocol/message.ts";
import { priorities } from "../../../../src/protocol/priority.ts";
import type { Ledger } from "../ledger.ts";
import type { World } from "../world.ts";
import type { Book, Post } from "./book.ts";
import { Caller } from "./caller.ts";
import type { Platform } from "./platform.ts";
import type { User } from "./user.ts";

const type = messageType.parse("notification");
const key = collapseKey.parse("build");
const minuteMs = 60_000;

/** What a request says, made again for each attempt: the time of acceptance is the attempt's. */
interface Request {
  readonly audience: Audience;
  readonly accepted: (now: number) => AcceptedMessage;
}

export interface Surroundings {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly book: Book;
  readonly users: readonly User[];
  readonly topics: readonly Topic[];
}

export class Publisher {
  /** Requests without an answer. */
  waiting = 0;
  readonly #world: World;
  readonly #of: Surroundings;
  readonly #caller = new Caller("publisher", "publisher");
  #requests: { readonly request: Request; readonly post: Post }[] = [];

  constructor(world: World, of: Surroundings) {
    this.#world = world;
    this.#of = of;
  }

  publish(audience: Audience = this.#audience()): void {
    this.#ask(audience, this.#message(audience));
  }

  /** For whoever belongs to the audience, at once and for long. */
  publishPlainly(audience: Audience): void {
    const id = messageId.parse(this.#world.fresh("message"));
    this.#ask(audience, { to: audience, type, priority: "normal", data: textData("plain"), id });
  }

  /** A request from before, once more, though it had its answer. */
  repeat(): void {
    const { random } = this.#world;
    if (this.#requests.length > 0) void this.#request(random.pick(this.#requests).request);
  }

  retract(): void {
    const post = this.#recent(({ message }) => message.retracts === undefined && !message.live);
    if (post === undefined) return;
    const { message, audience } = post;
    const whom: Audience = "everyone" in audience ? { everyone: "all" } : audience;
    const said = { priority: this.#world.random.pick(priorities), audience: JSON.stringify(whom) };
    this.#send({ audience: whom, accepted: (now) => withdrawal(message.id, "retracted", { now, ...said }) });
  }

  #recent(wanted: (post: Post) => boolean): Post | undefined {
    const posts = this.#requests.slice(-8).map(({ post }) => post);
    const found = posts.filter(wanted);
    return found.length === 0 ? undefined : this.#world.random.pick(found);
  }

  #audience(): Audience {
    const { random } = this.#world;
    const { users, topics } = this.#of;
    const named: Audience = {
      users: random.chance(0.3) ? users.map(({ user }) => user) : [random.pick(users).user],
    };
    return random.weighted([
      { weight: 4, audience: named },
      { weight: 5, audience: { topic: random.pick(topics) } },
      { weight: 3, audience: { everyone: "all" } as const },
      { weight: 2, audience: { everyone: "online" } as const },
    ]).audience;
  }

  #message(audience: Audience): PublishedMessage {
    const { random } = this.#world;
    const live = random.chance(0.05);
    const ahead = random.chance(0.25) ? random.pick([3_000, minuteMs, 8 * minuteMs]) : undefined;
    const same = ({ message, audience: other }: Post) =>
      message.retracts === undefined && JSON.stringify(other) === JSON.stringify(audience);
    const replaced = !live && random.chance(0.12) ? this.#recent(same) : undefined;
    return {
      to: audience,
      type,
      priority: random.pick(priorities),
      data: textData("x".repeat(random.pick([2, 60]))),
      ttl: live ? 0 : random.pick([undefined, undefined, undefined, 30, 300]),
      collapseKey: !live && random.chance(0.1) ? key : undefined,
      cancelOn: !live && random.chance(0.2) ? random.pick(cancelEvents) : undefined,
      deliverAt: ahead === undefined ? undefined : this.#world.wall() + ahead,
      replaces: replaced?.message.id,
      id: messageId.parse(this.#world.fresh("message")),
    };
  }

  #ask(audience: Audience, message: PublishedMessage): void {
    const unnamed = messageId.parse("never-used");
    this.#send({ audience, accepted: (now) => accept(message, unnamed, now, { priority: "normal" }) });
  }

  #send(request: Request): void {
    const { book, users, ledger } = this.#of;
    const message = request.accepted(this.#world.wall());
    const post = book.open(message, request.audience, users);
    const named = "users" in request.audience ? request.audience.users : users.map(({ user }) => user);
    ledger.publish(message.id, named);
    this.#requests = [...this.#requests.slice(-20), { request, post }];
    this.#world.note("publisher", "asks", { ...message, to: request.audience });
    this.waiting += 1;
    void this.#untilAnswered(request, post);
  }

  async #untilAnswered(request: Request, post: Post): Promise<void> {
    const done = await this.#request(request);
    if (done && !this.#world.strikes("publisher got no answer", "publisher", 0.05)) {
      post.accepted = true;
      this.waiting -= 1;
      return;
    }
    this.#world.schedule.after(this.#world.random.between(500, 5_000), () => {
      void this.#untilAnswered(request, post);
    });
  }

  /** @returns whether it was accepted */
  async #request({ audience, accepted }: Request): Promise<boolean> {
    const now = this.#world.wall();
    const env = this.#of.platform.env(this.#caller);
    try {
      await commit([{ message: accepted(now), audience, ttl: undefined }], env, now);
      return true;
    } catch (error) {
      if (error instanceof Problem) return false;
      throw error;
    }
  }
}

function textData(value: string): PublishedMessage["data"] {
  return { value, text: JSON.stringify(value) };
}
