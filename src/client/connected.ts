/** What a client wants a connection with, and what it gets. */
import type { Connector } from "./connector.ts";
import type { ClientEvent } from "./state.ts";
import type { Saved, Storage } from "./storage.ts";
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
  readonly inbox: typeof import("./inbox.ts");
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
