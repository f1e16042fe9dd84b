/** What a client wants a connection with, and what it gets. */

import type { Account } from "./account.ts";
import type { Connector } from "./connector.ts";
import type { Message } from "./message.ts";
import type { OwnCallbacks } from "./own-messages.ts";
import type { ClientEvent } from "./state.ts";
import type { Saved, Storage } from "./storage.ts";

export interface Wanted {
  /** With a slash at its end. */
  readonly url: URL;
  readonly device: string | undefined;
  readonly tabs: boolean;
  readonly storage: Storage;
  /** The one of the client, made if there is none yet by what loads its code. */
  account(Made: typeof Account): Account;
}

export interface Connected {
  readonly connector: Connector;
  /** What an earlier run has handled. */
  readonly saved: Saved;
  save(saved: Saved): Promise<void>;
  /** Tells the app what a message of the hub's own type says. */
  tellOwn(message: Message, callbacks: OwnCallbacks): void;
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
