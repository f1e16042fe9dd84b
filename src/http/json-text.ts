/** Answers made of JSON that is text already, such as the `data` of messages: put in as it is, never parsed again. */

/** An object as JSON text with one more member, whose value is JSON text. The object must have members of its own. */
export function withMember(object: object, name: string, value: string): string {
  return `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(name)}:${value}}`;
}

/** Headers of every answer with a body: it is fresh, and what its type says. */
export const bodyHeaders = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" } as const;

export function jsonText(text: string): Response {
  return new Response(text, { headers: { ...bodyHeaders, "Content-Type": "application/json" } });
}
