/** What must hold once the faults have stopped and everybody has been online for a while. */
import { z } from "zod";
import type { Device } from "../device.ts";
import type { Book, Post } from "./book.ts";
import type { Platform } from "./platform.ts";
import type { User } from "./user.ts";

export interface Whole {
  readonly platform: Platform;
  readonly users: readonly User[];
  readonly devices: readonly Device<User>[];
  readonly book: Book;
}

function i16LanesAreEmpty({ platform: { queues } }: Whole): string | undefined {
  return queues.empty ? undefined : "a lane still holds something";
}

function nothingIsPending({ users }: Whole): string | undefined {
  for (const { user, stored } of users) {
    const pending = stored?.topics.find((one) => one.pending !== 0);
    if (pending !== undefined) return `${user} has still to tell ${pending.topic}`;
    const [waits] = stored?.scheduled ?? [];
    if (waits !== undefined) return `${waits} still waits in ${user}`;
  }
  return undefined;
}

const members = z.array(z.object({ user: z.string() }));

/** (c) */
function topicsKnowTheirMembers({ platform, users }: Whole): string | undefined {
  for (const [name, { storage }] of platform.topics) {
    const found = storage.has("members")
      ? members.parse(storage.query("SELECT user FROM members WHERE left_at IS NULL"))
      : [];
    const known = new Set(found.map(({ user }) => user));
    for (const { user, stored } of users) {
      const isMember = stored?.topics.some((one) => one.topic === name && one.member === 1) === true;
      if (isMember !== known.has(user))
        return `${user} is ${isMember ? "a" : "no"} member of ${name}, the topic says otherwise`;
    }
  }
  return undefined;
}

/** (a), (d) and invariant 1: whoever belonged to the audience all along has it, if nothing ended it. */
function whoWasThereAllAlongHasIt({ platform: { queues }, book }: Whole): string | undefined {
  for (const { accepted, takenBack, message, audience, expected } of book.posts.values()) {
    if (!accepted || takenBack || message.live || message.retracts !== undefined) continue;
    const done = queues.doneAt(message.id);
    for (const { user, fanOut, whole } of expected) {
      if (user.taken.has(message.id) || message.expires <= user.now()) continue;
      // By a clock that had gone back, it was accepted before the user was erased.
      if (message.at <= (user.stored?.erasedAt ?? 0)) continue;
      if (whole.endedAt !== Number.POSITIVE_INFINITY || fanOut.endedAt <= done) continue;
      if (queues.hasDied(message.id, user.user)) continue;
      return `${user.user} never got ${message.id} (${JSON.stringify(audience)})`;
    }
  }
  return undefined;
}

/** (e) */
function nobodyShowsWhatWasRetracted({ devices, book }: Whole): string | undefined {
  for (const { accepted, message, audience } of book.posts.values()) {
    const post = message.retracts === undefined ? undefined : book.posts.get(message.retracts);
    if (!accepted || post === undefined) continue;
    for (const { hub, name, record } of devices) {
      if (!record.shown.has(post.message.id) || !isReachable(hub, post)) continue;
      if ("users" in audience && !audience.users.includes(hub.user)) continue;
      // By a clock that had gone back, it was taken back before the user was erased.
      if (message.at <= (hub.stored?.erasedAt ?? 0)) continue;
      const gone = hub.stored?.rows.find(({ id }) => id === post.message.id)?.gone;
      return `${name} still shows ${post.message.id}, which was retracted, and is ${gone}`;
    }
  }
  return undefined;
}

/** Whether the user's object still knows what it knew when the message was published. */
function isReachable({ user }: User, { storages }: Post): boolean {
  return storages.get(user)?.endedAt === Number.POSITIVE_INFINITY;
}

/** (e) Of what is settled for all devices at most the one that did it shows it. */
function nobodyElseShowsWhatIsHandled({ devices, users, book }: Whole): string | undefined {
  for (const user of users) {
    const handled = user.stored?.rows.filter(({ gone }) => gone === "handled") ?? [];
    for (const { id } of handled) {
      const post = book.posts.get(id);
      if (post === undefined || !isReachable(user, post)) continue;
      const showing = devices.filter(({ hub, record }) => hub === user && record.shown.has(id));
      if (showing.length > 1) return `${showing.map(({ name }) => name).join(" and ")} show ${id}`;
    }
  }
  return undefined;
}

/** (e) Every device has acknowledged everything, so one of them did it first. */
function whatOneDeviceHasIsSettled({ users, book }: Whole): string | undefined {
  for (const user of users) {
    const open = user.stored?.rows.find(
      ({ id, gone, expires }) =>
        gone === null && expires > user.now() && book.posts.get(id)?.message.cancelOn === "ack",
    );
    if (open !== undefined) return `${open.id} was acknowledged by a device of ${user.user}, and stays`;
  }
  return undefined;
}

/** (e) Who shows the newer one shows the older one no more. */
function nobodyShowsWhatWasReplaced({ devices, book }: Whole): string | undefined {
  for (const { message } of book.posts.values()) {
    if (message.replaces === undefined) continue;
    const { id, replaces } = message;
    const older = book.posts.get(replaces);
    const wrong = devices.find(
      ({ hub, record }) =>
        record.shown.has(id) &&
        record.shown.has(replaces) &&
        (older === undefined || isReachable(hub, older)),
    );
    if (wrong !== undefined) return `${wrong.name} shows ${replaces} and ${id}, which replaces it`;
  }
  return undefined;
}

function i16EveryCursorIsAtTheHead({ devices }: Whole): string | undefined {
  for (const { name, state, hub } of devices) {
    const { epoch, head } = hub.stored ?? { epoch: undefined, head: undefined };
    const { saved, link } = state ?? { saved: undefined, link: undefined };
    if (saved?.epoch !== epoch || saved?.cursor !== head)
      return `${name} is at ${saved?.epoch} ${saved?.cursor}, the hub at ${epoch} ${head}; ${link?.phase}`;
  }
  return undefined;
}

function i5EverythingRetainedWasHandled({ devices }: Whole): string | undefined {
  for (const { name, hub, record } of devices) {
    const missed = hub.stored?.rows.find(
      ({ gone, expires, id }) =>
        gone === null && expires > hub.now() && !record.times.has(id) && !record.passedOver.has(id),
    );
    if (missed !== undefined) return `${name} never handled ${missed.seq} ${missed.id}`;
  }
  return undefined;
}

export const finalInvariants = [
  i16LanesAreEmpty,
  nothingIsPending,
  topicsKnowTheirMembers,
  whoWasThereAllAlongHasIt,
  nobodyShowsWhatWasRetracted,
  whatOneDeviceHasIsSettled,
  nobodyElseShowsWhatIsHandled,
  nobodyShowsWhatWasReplaced,
  i16EveryCursorIsAtTheHead,
  i5EverythingRetainedWasHandled,
];
