/** What a client may say on its socket. Unknown fields are ignored, so that a newer client can talk to an older hub. */
import { z } from "zod";
import { socketLimits, tokenLimits } from "../limits.ts";
import { messageId, messageType, topic } from "./ids.ts";

const ref = z.string().max(64).optional();
const seq = z.int().min(0);

/** Everything up to `seq` is handled and saved. A number that is none is answered, not closed: hence `unknown`. */
const ack = z.object({ type: z.literal("ack"), ref, epoch: z.string().max(64), seq: z.unknown() });
/** Marks messages as read, singly or all up to a number. */
const read = z.object({
  type: z.literal("read"),
  ref,
  ids: z.array(messageId).max(socketLimits.maxReadIds).optional(),
  upTo: seq.optional(),
});
/** A fresh token of the same user; its expiry replaces the old one. */
const auth = z.object({ type: z.literal("auth"), ref, token: z.string().max(tokenLimits.maxBytes) });

/** Makes the user a member of a topic, as far as the token's `topics` allow it; with `presence`, one whose comings and goings the members see who opted in too. */
const subscribe = z.object({ type: z.literal("subscribe"), ref, topic, presence: z.boolean().optional() });
const unsubscribe = z.object({ type: z.literal("unsubscribe"), ref, topic });
/** A message from the device, for the handler of this name; answered by `ok` with what that returns, or by `error`. */
const send = z.object({ type: z.literal("send"), ref, name: messageType, data: z.unknown() });

export const clientFrame = z.discriminatedUnion("type", [ack, read, auth, subscribe, unsubscribe, send]);
export type ClientFrame = z.infer<typeof clientFrame>;
/** As a client writes it. */
export type SentFrame = z.input<typeof clientFrame>;

/** The parts that are needed to answer a frame which is not one of ours. */
export const anyFrame = z.object({ type: z.string(), ref });
