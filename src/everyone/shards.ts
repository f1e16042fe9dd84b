/** How users are spread over the shards of everyone. Pure. Every part of the hub must agree on it, in every version. */
import type { UserId } from "../protocol/ids.ts";

/** The name of the one object that keeps the log. */
export const everyoneName = "everyone";

/** The name of a shard's object: of how many shards it is which one, from 0. */
export function shardName(shards: number, index: number): string {
  return `${shards}:${index}`;
}

/** Of how many shards the object of this name is one. */
export function countOf(name: string | undefined): number {
  const [, shards] = /^([1-9]\d*):\d+$/.exec(name ?? "") ?? [];
  if (shards === undefined) throw new Error("an object of EveryoneShard must be named by shardName");
  return Number(shards);
}

/** All shards of these counts. */
export function shardNames(counts: readonly number[]): string[] {
  return counts.flatMap((shards) => Array.from({ length: shards }, (_, index) => shardName(shards, index)));
}

/** The shard that a user belongs to. */
export function shardOf(user: UserId, shards: number): string {
  return shardName(shards, hash(user) % shards);
}

/** FNV-1a of the id's characters, all of them ASCII, with the finish of MurmurHash3, without which its lower bits are uneven. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
