/** How a device comes by its connection: who it is, what it has handled, and by which way it connects. */
import type { Connector } from "./connector.ts";
import { randomId } from "./random-id.ts";
import { socketConnector } from "./socket.ts";
import { type ClientEvent, initialState } from "./state.ts";
import type { Kept, Saved, Storage } from "./storage.ts";
import type { Tokens } from "./tokens.ts";

export interface Wanted {
  /** With a slash at its end. */
  readonly url: URL;
  readonly device: string | undefined;
  readonly tabs: boolean;
  readonly storage: Storage;
  readonly tokens: Tokens;
}

export interface Connected {
  readonly connector: Connector;
  /** What an earlier run has handled. */
  readonly saved: Saved;
  save(saved: Saved): Promise<void>;
  /** Whether the connection is held here. */
  leading(): boolean;
  /** Lets go of everything that was listened to or shared. */
  leave(why?: Refusal): void;
}

/** Why a client stopped for good, as in its status. */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
}

/** Called when the connection is to be opened anew, or looked after, or must not be opened any more. */
export type Tell = (event: Extract<ClientEvent, { type: "reopen" | "hurry" | "stop" }>) => void;

export async function connect(wanted: Wanted, tell: Tell): Promise<Connected> {
  if (!("document" in globalThis)) return connectAlone(wanted, await identify(wanted));
  // Only pages have tabs, and are looked at. One that was built anew meanwhile may be unable to load it.
  const page = await import("./page/page.ts").catch(() => undefined);
  return page?.connectPage(wanted, tell, globalThis) ?? connectApart(wanted);
}

/** As a device of its own: two tabs under one name would take the connection from each other. */
export async function connectApart(wanted: Wanted): Promise<Connected> {
  const kept = await identify(wanted);
  // A name has 128 characters at most.
  const alone = connectAlone(wanted, kept, `${kept.device.slice(0, 119)}~${randomId(4)}`);
  const save: Connected["save"] = (saved) => saveForward(wanted.storage, { ...saved, device: kept.device });
  return { ...alone, save };
}

/** Saves what several tabs save, of which some may be behind: it never goes back. */
export async function saveForward(storage: Storage, next: Kept): Promise<void> {
  const kept = await storage.load();
  if (kept?.epoch !== next.epoch || kept.cursor <= next.cursor) await storage.save(next);
}

/** @param device under which it connects */
export function connectAlone({ url, storage, tokens }: Wanted, kept: Kept, device = kept.device): Connected {
  return {
    connector: socketConnector(url, device, tokens),
    saved: kept,
    save: (saved) => storage.save({ ...saved, device: kept.device }),
    leading: () => true,
    leave: () => {},
  };
}

/** Who this device is, and what it has handled. */
export async function identify({ device, storage }: Wanted): Promise<Kept> {
  const kept = await storage.load();
  const known = { ...(kept ?? initialState().saved), device: device ?? kept?.device ?? randomId(16) };
  // A name that was made here must be the same the next time.
  if (kept === undefined && device === undefined) {
    try {
      await storage.save(known);
    } catch {
      // It is told when there is something to save.
    }
  }
  return known;
}
