/** A device by itself: who it is, what it has handled, and a connection of its own. */
import { Account } from "./account.ts";
import type { Connected, Wanted } from "./connected.ts";
import { tellOwn } from "./own-messages.ts";
import { randomId } from "./random-id.ts";
import { socketConnector } from "./socket.ts";
import { initialState } from "./state.ts";
import type { Kept } from "./storage.ts";

/** As a device of its own: two tabs under one name would take the connection from each other. */
export async function connectApart(wanted: Wanted): Promise<Connected> {
  const kept = await identify(wanted);
  // A name has 128 characters at most.
  return connectAlone(wanted, kept, `${kept.device.slice(0, 80)}~${randomId()}`);
}

/** @param device under which it connects */
export function connectAlone(wanted: Wanted, kept: Kept, device = kept.device): Connected {
  const { account, storage, url } = wanted;
  return {
    connector: socketConnector(url, device, account(Account).tokens),
    saved: kept,
    save: (saved) => storage.save({ ...saved, device: kept.device }),
    tellOwn: (message, callbacks) => tellOwn(message, callbacks, device),
    leading: () => true,
    leave: () => {},
  };
}

/** Who this device is, and what it has handled. */
export async function identify({ device, storage }: Wanted): Promise<Kept> {
  const kept = await storage.load();
  const known = { ...(kept ?? initialState().saved), device: device ?? kept?.device ?? randomId() };
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
