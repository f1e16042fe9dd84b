/** How a client gets a connection: by a socket of its own, or by that of another tab. */
import type { SentFrame } from "../protocol/client-frames.ts";
import type { pingText } from "../protocol/frames.ts";
import type { Epoch, Seq } from "../protocol/seq.ts";
import type { ClientEvent } from "./state.ts";

/** The place after which delivery goes on; `undefined`: at the beginning of what the hub keeps. */
export type Resume = { readonly epoch: Epoch; readonly seq: Seq } | undefined;

/** What happens on a connection. After `closed` nothing more does. */
export type Happening = Extract<ClientEvent, { type: "frame" | "heard" | "closed" }>;

/** What a client says. */
export type Said = SentFrame | typeof pingText;

export interface Connection {
  /** Sends a frame; one that can't be sent any more is dropped, since a `closed` is on its way. */
  send(frame: Said): void;
  /** Ends it. Nothing more is told of it, not even that it ended. */
  close(code: number, reason: string): void;
}

export interface Connector {
  open(resume: Resume, tell: (happening: Happening) => void): Connection;
}

/** RFC 6455 section 7.1.5: the connection ended without a word, or there was none. */
export const abnormal = 1006;
