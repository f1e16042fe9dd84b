/** Names out of any text, for collapse keys and categories. */
import { createHash } from "node:crypto";

/** A name has up to 128 characters: this leaves some for what stands before it. */
const maxLength = 100;
/** Of a SHA-256 in base64url: 132 bits, so that no two will ever meet. */
const digestLength = 22;
/** Nothing else in a name reads like this: a tilde is followed by a code and another one. */
const cut = "~.";

/**
 * Any text in the letters of a name, which are those of `src/protocol/ids.ts`: what a name can't hold becomes
 * its code between tildes. Of what is longer than 100 characters then, the first 76 are left, and a digest
 * of all. Two texts never give the same.
 *
 * ```ts
 * collapseKey: ({ repository }) => `build:${nameOf(repository)}`; // acme/shop → build:acme~2f~shop
 * ```
 */
export function nameOf(text: string): string {
  const letters = Array.from(text, (letter) =>
    letter.replace(/[^A-Za-z0-9_.@:-]/u, (other) => `~${other.codePointAt(0)?.toString(16)}~`),
  );
  const whole = letters.join("");
  if (whole.length <= maxLength) return whole;
  const digest = createHash("sha256").update(whole).digest("base64url").slice(0, digestLength);
  let start = "";
  for (const letter of letters) {
    if (start.length + letter.length > maxLength - cut.length - digestLength) break;
    start += letter;
  }
  return `${start}${cut}${digest}`;
}
