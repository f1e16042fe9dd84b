/** The store of the dead letters, and the operator who redrives them. */

import type { DeadMessage, DeadRecord } from "../../../src/lanes/dead-record.ts";
import { pack } from "../../../src/lanes/envelope.ts";
import type { Lane } from "../../../src/lanes/lane.ts";
import { deadLetterLimits } from "../../../src/limits.ts";
import type { UserId } from "../../../src/protocol/ids.ts";
import { deadInvariants } from "./invariants.ts";
import type { Ledger } from "./ledger.ts";
import type { World } from "./world.ts";

export interface Letter extends DeadMessage {
  readonly user: UserId;
  readonly state: "dead" | "redriven";
}

export class DeadStore {
  readonly #letters = new Map<string, Letter>();
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #send: (lane: Lane, texts: readonly string[]) => boolean;

  constructor(world: World, ledger: Ledger, send: (lane: Lane, texts: readonly string[]) => boolean) {
    this.#world = world;
    this.#ledger = ledger;
    this.#send = send;
  }

  get letters(): readonly Letter[] {
    return [...this.#letters.values()];
  }

  /** The same death again changes nothing; another one makes a redriven letter dead again. */
  store(record: DeadRecord): void {
    if ("raw" in record) throw new Error(`a dead text: ${record.raw}`);
    for (const user of record.users) {
      const key = this.#world.rules.deadKey(record.message, user);
      const known = this.#letters.get(key);
      if (known === undefined || known.at !== record.at) {
        this.#letters.set(key, {
          ...(known ?? record),
          ...record,
          message: (known ?? record).message,
          user,
          state: "dead",
        });
        this.#world.count(`dead ${record.reason}`);
      }
      this.#ledger.died(record.message.id, user);
    }
    this.#world.check(deadInvariants, this);
  }

  /** Sends a letter on its way again, and marks it afterwards: a crash in between sends it twice. */
  redriveOne(): void {
    const { random, rules, now } = this.#world;
    const dead = this.letters.filter(
      ({ state, message }) => state === "dead" && now - message.at <= deadLetterLimits.redriveWindowMs,
    );
    if (dead.length === 0) return;
    const letter = random.pick(dead);
    const texts = pack([{ message: letter.message, users: [letter.user] }]);
    if (!this.#send(letter.message.priority, texts)) return;
    this.#world.count("redriven");
    if (this.#world.strikes("redrive sent twice", letter.user, 0.3)) {
      this.#send(letter.message.priority, texts);
    }
    this.#ledger.accept(letter.message.id, [letter.user]);
    this.#letters.set(rules.deadKey(letter.message, letter.user), { ...letter, state: "redriven" });
  }
}
