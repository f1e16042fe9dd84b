/**
 * The names that travel through the hub. All of them are allow-listed ASCII: what does not match is
 * refused, never normalised, so that two spellings can't meet in one object, log line or URL.
 */
import { z } from "zod";

/**
 * Letters, digits and `_ . @ ~ - :`; 1 to 128 characters. Linear: one class, bounded, anchored. Not `.`
 * and `..`, which every URL parser takes for a step in the path, however they are written.
 */
export const namePattern = /^(?!\.{1,2}$)[A-Za-z0-9_.@~:-]{1,128}$/;
/** As {@link namePattern}, 8 to 64 characters: long enough not to be guessed by accident. */
export const messageIdPattern = /^[A-Za-z0-9_.@~:-]{8,64}$/;

const name = z.string().regex(namePattern, "must be 1 to 128 characters out of A-Z a-z 0-9 _ . @ ~ - :");

/** A user of the application; names exactly one `UserHub` object. */
export const userId = name.brand<"UserId">();
export type UserId = z.infer<typeof userId>;

/** A device of a user, made and kept by the client; the same name under another user is another device. */
export const deviceId = name.brand<"DeviceId">();
export type DeviceId = z.infer<typeof deviceId>;

/**
 * A topic: a name of segments between dots, none of them empty, such as `team.7.builds`. No wildcards:
 * those belong to patterns, of which no message is published to.
 */
export const topic = name
  .refine((text) => !text.split(".").includes(""), "must have no empty segment between its dots")
  .brand<"Topic">();
export type Topic = z.infer<typeof topic>;

/** What a message is about, as its user may mute it, such as `billing`. */
export const category = name.brand<"Category">();
export type Category = z.infer<typeof category>;

/** What kind of message it is, such as `workflow.progress`. */
export const messageType = name.brand<"MessageType">();
export type MessageType = z.infer<typeof messageType>;

/** Among the unread messages of a user that share a collapse key, only the newest is kept. */
export const collapseKey = name.brand<"CollapseKey">();
export type CollapseKey = z.infer<typeof collapseKey>;

/** The id by which a message is known everywhere, and known again when it arrives twice. */
export const messageId = z
  .string()
  .regex(messageIdPattern, "must be 8 to 64 characters out of A-Z a-z 0-9 _ . @ ~ - :")
  .brand<"MessageId">();
export type MessageId = z.infer<typeof messageId>;
