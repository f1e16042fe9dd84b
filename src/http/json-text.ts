/** Answers made of JSON that is text already, such as the `data` of messages: put in as it is, never parsed again. */

/** An object as JSON text with one more member, whose value is JSON text. The object must have members of its own. */
export function withMember(object: object, name: string, value: string): string {
  return `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(name)}:${value}}`;
}

export function jsonText(text: string): Response {
  return new Response(text, { headers: { "Content-Type": "application/json", "Cache-Control": "no-store" } });
}
