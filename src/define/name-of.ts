/** Names out of any text, for collapse keys and categories. */

/**
 * Any text in the letters of a name, which are those of `src/protocol/ids.ts`: what a name can't hold becomes
 * its code between tildes, so that two texts never give the same. A name has up to 128 characters.
 *
 * ```ts
 * collapseKey: ({ repository }) => `build:${nameOf(repository)}`; // acme/shop → build:acme~2f~shop
 * ```
 */
export function nameOf(text: string): string {
  return text.replace(/[^A-Za-z0-9_.@:-]/gu, (other) => `~${other.codePointAt(0)?.toString(16)}~`);
}
