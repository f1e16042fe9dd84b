/** The objects behind a message to everyone, asked from outside, and a fan-out step by step. */
import { env } from "cloudflare:workers";
import { type Mock, vi } from "vitest";
import type { Begun, EveryoneShardCalls } from "../../src/everyone/calls.ts";
import { EveryoneShard } from "../../src/everyone/shard.ts";
import { everyoneName, shardNames, shardOf } from "../../src/everyone/shards.ts";
import { everyoneLimits } from "../../src/limits.ts";
import type { UserId } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import { hubOf } from "./device.ts";
import { eventually } from "./eventually.ts";
import { inside } from "./storage.ts";

export function everyone() {
  return env.EVERYONE.getByName(everyoneName);
}

export function shardNamed(name: string) {
  return env.EVERYONE_SHARD.getByName(name);
}

/** The shard of a user, under the count of the hub under test. */
export function shardFor(user: UserId) {
  return shardNamed(shardOf(user, everyoneLimits.defaultShards));
}

export async function isListed(user: UserId, shard = shardFor(user)): Promise<boolean> {
  return (await shard.who([user])).length > 0;
}

/** Until the shard lists the user and the user's object knows: nothing of the connect is under way any more. */
export function listed(user: UserId): Promise<void> {
  const remembered = () =>
    inside(user, (_, state) =>
      state.getWebSockets().some((socket) => socket.deserializeAttachment()?.lease !== undefined),
    );
  return eventually(async () => (await isListed(user)) && (await remembered()), {
    what: () => `${user} is listed`,
  });
}

/** Begins a message as its job would. */
export async function begin(message: AcceptedMessage): Promise<Extract<Begun, { kind: "begun" }>> {
  const begun = await everyone().begin(message);
  if (begun.kind !== "begun") throw new Error(`not begun: ${begun.kind}`);
  return begun;
}

/** Takes a message that has begun to every shard, and from there to whoever is listed. */
export async function spread(
  message: AcceptedMessage,
  { head, seq, shards }: Extract<Begun, { kind: "begun" }>,
): Promise<void> {
  for (const name of shardNames(shards)) {
    const claim = { id: message.id, accepted: message.at, place: 0, chain: 1 };
    const page = await shardNamed(name).page({ head, limit: 1_000, claim });
    if (page === "taken") throw new Error("another one spreads it");
    const placed = seq === undefined ? message : { ...message, logSeq: seq };
    for (const user of page.users) await hubOf(user).deliver([placed]);
  }
}

/** The calls that users' objects make to their shards, from now on. */
export function callsToShards() {
  const names = ["came", "went", "head"] as const satisfies readonly (keyof EveryoneShardCalls)[];
  const spies = names.map((name): readonly [string, Mock] => [name, vi.spyOn(EveryoneShard.prototype, name)]);
  return (): string[] => spies.flatMap(([name, { mock }]) => mock.calls.map(() => name));
}
