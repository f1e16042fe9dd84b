/** What of a message's data is shown. Publishers send any JSON, so nothing is relied on. */

export interface Content {
  readonly title: string;
  /** Empty where the title says all. */
  readonly text: string;
}

const titleFields = ["title", "subject"];
const textFields = ["body", "text", "message"];
/** Characters of a text that stands as its own title; what is longer stands below as well, whole. */
const maxTitle = 160;
/** Characters of data that is shown as JSON; a long text is for a page of its own. */
const maxJson = 300;

/**
 * The title and text that stand in the data; where there is no title, the text as one; where there is neither, the
 * type in words, and the data as JSON.
 */
export function contentOf({ type, data }: { readonly type: string; readonly data: unknown }): Content {
  const title = textIn(data, titleFields);
  const text = isText(data) ? data : textIn(data, textFields);
  if (title !== undefined) return { title, text: text ?? "" };
  if (text !== undefined)
    return { title: shortened(text, maxTitle), text: text.length > maxTitle ? text : "" };
  return { title: wordsOf(type), text: data === null ? "" : shortened(JSON.stringify(data), maxJson) };
}

function textIn(data: unknown, names: readonly string[]): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const fields = new Map(Object.entries(data));
  return names.map((name) => fields.get(name)).find(isText);
}

/** A heading of blanks would be none. */
function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

/** `order.shipped` → "Order shipped" */
function wordsOf(type: string): string {
  const words = type.replace(/[_.:~-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)} …`;
}
