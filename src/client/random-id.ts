/** A name that nobody else has: 128 random bits. `crypto.randomUUID` is missing in pages that are not served over https. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");
}
