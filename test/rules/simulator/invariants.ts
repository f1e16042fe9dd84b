/** What must hold of devices, of dead letters and of the whole: invariants 1, 5, 6, 16 and 17. */
import type { ClientState, Effect } from "../../../src/client/machine.ts";
import type { Seq } from "../../../src/protocol/seq.ts";
import type { DeadStore } from "./dead-store.ts";
import type { Device, Reached } from "./device.ts";
import type { ModelHub } from "./hub.ts";
import type { ModelLanes } from "./lanes.ts";
import { type Entry, entry, type Ledger } from "./ledger.ts";

interface Stepped {
  readonly device: Device<Reached>;
  readonly before: ClientState;
  readonly effects: readonly Effect[];
}

function isSettled({ record, hub }: Device<Reached>, epoch: string, seq: Seq): boolean {
  if (record.wasToldGone(epoch, seq)) return true;
  const id = hub.record.idOf(epoch, seq);
  return id !== undefined && (record.times.has(id) || record.passedOver.has(id));
}

function i5CursorPassesNothingUnhandled({ device, before }: Stepped): string | undefined {
  const saved = device.state?.saved;
  if (saved === undefined) return undefined;
  const from = before.saved.epoch === saved.epoch ? before.saved.cursor : 0;
  for (let seq = from + 1; seq <= saved.cursor; seq += 1) {
    if (!isSettled(device, saved.epoch, seq)) return `${device.name} passed ${seq} unhandled`;
  }
  return undefined;
}

function i6AckMeansHandled({ device, before, effects }: Stepped): string | undefined {
  const saved = device.state?.saved ?? before.saved;
  for (const effect of effects) {
    if (effect.type !== "send" || typeof effect.frame === "string" || effect.frame.type !== "ack") continue;
    const { epoch, seq } = effect.frame;
    if (epoch !== saved.epoch || typeof seq !== "number" || seq > saved.cursor) {
      return `${device.name} acknowledged ${epoch} ${seq}, it has ${saved.epoch} ${saved.cursor}`;
    }
  }
  return undefined;
}

export const deviceInvariants = [i5CursorPassesNothingUnhandled, i6AckMeansHandled];

interface Handled {
  readonly device: Device<Reached>;
  readonly id: string;
}

function i5HandlerRunsOnce({ device, id }: Handled): string | undefined {
  return device.record.isExcused(id)
    ? undefined
    : `${device.name} handled ${id} ${device.record.times.get(id)} times`;
}

export const handlerInvariants = [i5HandlerRunsOnce];

function i17DeadMessageHasOneRow({ letters }: DeadStore): string | undefined {
  // What came under the id of another message is another dead message.
  const names = new Set(letters.map(({ message, user }) => `${entry(message.id, user)} ${message.body}`));
  return names.size === letters.length ? undefined : `${letters.length} rows for ${names.size} dead messages`;
}

export const deadInvariants = [i17DeadMessageHasOneRow];

interface Whole {
  readonly hubs: readonly ModelHub[];
  readonly devices: readonly Device[];
  readonly lanes: ModelLanes;
  readonly ledger: Ledger;
}

function i1AcceptedIsAccounted({ ledger, lanes }: Whole): string | undefined {
  const lost = [...ledger.open].find((accepted: Entry) => !lanes.holds(accepted));
  return lost && `${lost} was accepted and is nowhere`;
}

function i1NothingAppearsFromNowhere({ ledger }: Whole): string | undefined {
  const strange = [...ledger.taken].find((taken) => !ledger.published.has(taken));
  return strange && `${strange} was committed and never published`;
}

export const stepInvariants = [i1AcceptedIsAccounted];

function i16LanesAreEmpty({ lanes, ledger }: Whole): string | undefined {
  if (!lanes.empty) return "a lane still holds something";
  return ledger.open.size === 0 ? undefined : `${[...ledger.open].join(", ")} has no end`;
}

function i16EveryCursorIsAtTheHead({ devices }: Whole): string | undefined {
  for (const { name, state, hub } of devices) {
    const saved = state?.saved;
    const { epoch, head } = hub.stored ?? { epoch: undefined, head: undefined };
    if (saved?.epoch !== epoch || saved?.cursor !== head) {
      return `${name} is at ${saved?.epoch} ${saved?.cursor}, the hub at ${epoch} ${head}; ${state?.link.phase}`;
    }
    const cursor = [...hub.sockets].find(([wire]) => wire.device === name)?.[1].cursor;
    if (cursor?.acked !== head) return `${name} acknowledged ${cursor?.acked}, the head is ${head}`;
  }
  return undefined;
}

function i16ReadStateIsTheHubs({ devices }: Whole): string | undefined {
  for (const { name, state, hub } of devices) {
    const wire = [...hub.sockets.keys()].find(({ device }) => device === name);
    const should = hub.stored?.readState(hub.now(), wire?.record.readToldAt);
    const is = state?.read;
    if (is?.rev === should?.rev && is?.readUpTo === should?.readUpTo && is?.unread === should?.unread)
      continue;
    return `${name} believes ${JSON.stringify(is)}, the hub ${JSON.stringify(should)}`;
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
  ...stepInvariants,
  i1NothingAppearsFromNowhere,
  i16LanesAreEmpty,
  i16EveryCursorIsAtTheHead,
  i16ReadStateIsTheHubs,
  i5EverythingRetainedWasHandled,
];
