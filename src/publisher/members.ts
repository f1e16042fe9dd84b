/** The members of topics: added, removed and listed by the server. */
import { readMemberPage, readMembersChange } from "./answers.ts";
import { inParts } from "./chunks.ts";
import { publisherLimits } from "./limits.ts";
import type { Member, MembersChange } from "./message.ts";
import { backoffBoundMs } from "./retry.ts";
import { type Ask, pathOf, pause } from "./send.ts";

export interface MemberOptions {
  readonly signal?: AbortSignal;
}

export interface AddOptions extends MemberOptions {
  /** Of those who are added; `false` when absent, and what it was for who is a member already. */
  readonly presence?: boolean;
}

/** `hub.topics`. The key needs the scope `topics`. */
export class Topics {
  readonly #ask: Ask;
  readonly #attempts: number;

  constructor(ask: Ask, attempts: number) {
    this.#ask = ask;
    this.#attempts = attempts;
  }

  /**
   * Makes users members, any number of them; who is one stays one.
   *
   * ```ts
   * const { failed } = await hub.topics.add("team.7", ["alice", "bob"]);
   * ```
   * @throws as {@link HubPublisher.publish}; part of it may be done then, and the whole may be asked for again
   */
  add(
    topic: string,
    users: readonly string[],
    { presence, signal }: AddOptions = {},
  ): Promise<MembersChange> {
    return this.#change(topic, users, (add) => ({ add, presence }), signal);
  }

  /** The opposite of {@link add}, in the same way. */
  remove(topic: string, users: readonly string[], { signal }: MemberOptions = {}): Promise<MembersChange> {
    return this.#change(topic, users, (remove) => ({ remove }), signal);
  }

  /**
   * All members in the order of their ids, asked for page by page as they are taken. Who comes or goes
   * meanwhile may be among them or not.
   *
   * ```ts
   * for await (const { user } of hub.topics.members("team.7")) console.log(user);
   * ```
   */
  async *members(topic: string, { signal }: MemberOptions = {}): AsyncGenerator<Member, void, undefined> {
    for (let cursor: string | undefined; ; ) {
      const query = new URLSearchParams({
        limit: `${publisherLimits.page}`,
        ...(cursor === undefined ? {} : { cursor }),
      });
      const path = `${pathOf("v1/topics", topic, "members")}?${query}`;
      const page = await this.#ask({ method: "GET", path, read: readMemberPage, signal });
      yield* page.members;
      if (page.next === undefined) return;
      cursor = page.next;
    }
  }

  async #change(
    topic: string,
    users: readonly string[],
    request: (users: readonly string[]) => object,
    signal: AbortSignal | undefined,
  ): Promise<MembersChange> {
    const path = pathOf("v1/topics", topic, "members");
    const pending: string[] = [];
    const failed: { readonly user: string; readonly reason: string }[] = [];
    let rest: readonly string[] = [...new Set(users)];
    for (let made = 1; rest.length > 0; made += 1) {
      const unavailable: string[] = [];
      for (const part of inParts(rest, publisherLimits.namedUsers)) {
        const body = JSON.stringify(request(part));
        const answer = await this.#ask({ method: "POST", path, body, read: readMembersChange, signal });
        pending.push(...answer.pending);
        for (const failure of answer.failed) {
          if (failure.reason === "unavailable" && made < this.#attempts) unavailable.push(failure.user);
          else failed.push(failure);
        }
      }
      rest = unavailable;
      if (rest.length > 0) await pause(Math.random() * backoffBoundMs(made), signal);
    }
    return { pending, failed };
  }
}
