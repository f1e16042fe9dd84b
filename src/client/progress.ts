/** What a device has handled, and how that grows. The only place where the cursor moves. */
import type { Epoch, Seq } from "../protocol/seq.ts";
import * as clientLimits from "./limits.ts";
import type { Item } from "./state.ts";
import type { Saved } from "./storage.ts";

/** Whether the item needs no handler any more: its number is passed, or its id is known. */
export function isPassed(saved: Saved, item: Item): boolean {
  if (item.kind === "live") return isKnown(saved, item.message.id);
  if (item.epoch === saved.epoch && lastOf(item) <= saved.cursor) return true;
  return item.kind === "express" && isKnown(saved, item.message.id);
}

/** Whether a message of this id was handled. */
export function isKnown({ recentIds, ahead }: Saved, id: string): boolean {
  return recentIds.includes(id) || ahead.some((copy) => copy.id === id);
}

/** With the item handled. An item of an earlier epoch leaves its id only: its number means nothing now. */
export function advance(saved: Saved, item: Item): Saved {
  switch (item.kind) {
    case "live":
      return remember(saved, item.message.id);
    case "express":
      if (item.epoch !== saved.epoch) return remember(saved, item.message.id);
      return { ...saved, ahead: [...saved.ahead, { seq: item.message.seq, id: item.message.id }] };
    case "message":
      return passTo(remember(saved, item.message.id), item.epoch, item.message.seq);
    case "gap":
      return passTo(saved, item.epoch, item.gap.to);
  }
}

/** At the start of another numbering, with the ids kept: the messages may come again under new numbers. */
export function restart(saved: Saved, epoch: Epoch, from: Seq): Saved {
  const known = saved.ahead.reduce((kept, { id }) => remember(kept, id), saved);
  return { epoch, cursor: from, recentIds: known.recentIds, ahead: [] };
}

function remember(saved: Saved, id: string): Saved {
  const others = saved.recentIds.filter((known) => known !== id);
  return { ...saved, recentIds: [...others, id].slice(-clientLimits.recentIds) };
}

/** Copies whose number is passed are known by their id from now on: after a new epoch they may come again. */
function passTo(saved: Saved, epoch: Epoch, seq: Seq): Saved {
  if (epoch !== saved.epoch) return saved;
  const cursor = Math.max(saved.cursor, seq);
  const passed = saved.ahead.filter((copy) => copy.seq <= cursor);
  const known = passed.reduce((kept, { id }) => remember(kept, id), saved);
  return { ...known, cursor, ahead: saved.ahead.filter((copy) => copy.seq > cursor) };
}

function lastOf(item: Exclude<Item, { kind: "live" }>): Seq {
  return item.kind === "gap" ? item.gap.to : item.message.seq;
}
