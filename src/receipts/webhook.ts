/**
 * The webhook that receipts are posted to, signed as Standard Webhooks says
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), so that any
 * of its libraries verifies them.
 */
import { createHash, createHmac } from "node:crypto";
import { z } from "zod";
import { receiptLimits } from "../limits.ts";
import type { ReceiptEvent } from "./event.ts";

export interface Webhook {
  readonly url: string;
  /** The current one first; a second while it is being rotated, of which the receiver may know only one. */
  readonly keys: readonly Uint8Array[];
}

/** `refused`: to be tried again. `gone`: the receiver (410) asks not to be. */
export type Posted = { readonly answer: "taken" | "refused" | "gone"; readonly status?: number };

const local = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** The setting RECEIPT_URL. */
export const webhookUrl = z.string().refine((text) => {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && local.has(url.hostname));
}, "must be an https URL without user and password; http only on localhost");

/** Published as examples by the standard and by a vendor of it. */
const examples = new Set(["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]);
const secretPattern = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

/** The setting RECEIPT_SECRET, read into the key that it holds. */
export const webhookKey = z.string().transform((text, context): Uint8Array => {
  const { minSecretBytes, maxSecretBytes } = receiptLimits;
  const encoded = secretPattern.exec(text)?.[1] ?? "";
  const key = Buffer.from(encoded, "base64");
  if (key.length < minSecretBytes || key.length > maxSecretBytes) {
    const message = `must be whsec_ and the base64 of ${minSecretBytes} to ${maxSecretBytes} bytes`;
    context.addIssue({ code: "custom", message });
  } else if (examples.has(encoded)) {
    context.addIssue({ code: "custom", message: "is an example, not a secret" });
  }
  return key;
});

/** `webhook-signature`: one signature for each key. */
export function signature(
  keys: readonly Uint8Array[],
  { id, timestamp, body }: { readonly id: string; readonly timestamp: number; readonly body: string },
): string {
  return keys
    .map((key) => createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64"))
    .map((hash) => `v1,${hash}`)
    .join(" ");
}

/** `webhook-id`: the same for the same events, whenever and in whichever order they are posted. */
export function webhookId(events: readonly ReceiptEvent[]): string {
  const ids = events.map(({ id }) => id).toSorted();
  return `msg_${createHash("sha256").update(ids.join("\n")).digest("base64url").slice(0, 27)}`;
}

/**
 * Posts `{ type: "receipts", events }`. Redirects are not followed: what is signed goes nowhere else.
 * @param now milliseconds since 1970
 * @throws where no answer came, or not in time
 */
export async function post(
  { url, keys }: Webhook,
  events: readonly ReceiptEvent[],
  now: number,
): Promise<Posted> {
  const id = webhookId(events);
  const timestamp = Math.floor(now / 1_000);
  const body = JSON.stringify({ type: "receipts", events });
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": `${timestamp}`,
      "webhook-signature": signature(keys, { id, timestamp, body }),
    },
    body,
    redirect: "manual",
    signal: AbortSignal.timeout(receiptLimits.postTimeoutMs),
  });
  // What it says besides is of no interest, and would hold the connection.
  await response.body?.cancel();
  const { ok, status } = response;
  return { answer: ok ? "taken" : status === 410 ? "gone" : "refused", status };
}
