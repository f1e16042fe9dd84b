/** What of a message's data is shown. Publishers send any JSON, so nothing is relied on. */

export interface Content {
  readonly title: string;
  /** Empty where the title says all. */
  readonly text: string;
}

const titleFields = ["title", "subject"];
const textFields = ["text", "body", "message"];
/** Characters of data that is shown as JSON; a long text is for a page of its own. */
const maxJson = 300;

/**
 * The title and text that stand in the data; the type, in words, where there is no title; the data as JSON where there is neither.
 */
export function contentOf({ type, data }: { readonly type: string; readonly data: unknown }): Content {
  const title = textIn(data, titleFields);
  const text = typeof data === "string" ? data : textIn(data, textFields);
  if (title !== undefined || text !== undefined) return { title: title ?? wordsOf(type), text: text ?? "" };
  return { title: wordsOf(type), text: data === null ? "" : shortened(JSON.stringify(data)) };
}

function textIn(data: unknown, names: readonly string[]): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const fields = new Map(Object.entries(data));
  return names.map((name) => fields.get(name)).find((value) => typeof value === "string" && value !== "");
}

/** `order.shipped` → "Order shipped" */
function wordsOf(type: string): string {
  const words = type.replace(/[_.:~-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function shortened(json: string): string {
  return json.length <= maxJson ? json : `${json.slice(0, maxJson)} …`;
}
