/**
 * Where a text stops being JSON. Browsers tell this in ways of their own, or not at all, so that a scanner of
 * RFC 8259 looks for the place once `JSON.parse` has refused a text. Pure.
 */
import { messageLimits } from "../../limits.ts";
import { jsonFault } from "../../protocol/json.ts";

export interface TextFault {
  readonly message: string;
  /** In UTF-16 code units from the start; absent where the whole is at fault. */
  readonly offset?: number;
}

/** The parsed value, or what keeps the text from being `data` of a message. An empty text is `null`. */
export function readData(text: string): { readonly value: unknown } | { readonly fault: TextFault } {
  if (text.trim() === "") return { value: null };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: new Scanner(text).fault() };
  }
  const fault = jsonFault(value, messageLimits);
  return fault === undefined ? { value } : { fault: { message: fault.message } };
}

/** 1-based, as editors count. */
export function lineAndColumn(
  text: string,
  offset: number,
): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

const blanks = /[ \t\n\r]*/y;
const word = /true|false|null/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 section 7 keeps them out of strings.
const stringPart = /(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

/** Walks with a stack of its own: text that nests a million deep is only another fault. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The first place that `JSON.parse` can't have taken. */
  fault(): TextFault {
    const closers: string[] = [];
    for (;;) {
      const fault = this.#value(closers) ?? this.#ends(closers);
      if (fault !== undefined) return fault;
    }
  }

  /** A scalar, an empty container, or all that opens before the first value within. */
  #value(closers: string[]): TextFault | undefined {
    for (;;) {
      this.#take(blanks);
      if (this.#next("{")) {
        this.#take(blanks);
        if (this.#next("}")) return undefined;
        closers.push("}");
        const fault = this.#name();
        if (fault !== undefined) return fault;
      } else if (this.#next("[")) {
        this.#take(blanks);
        if (this.#next("]")) return undefined;
        closers.push("]");
      } else if (this.#peek() === '"') {
        return this.#string();
      } else {
        return this.#take(word) || this.#take(number) ? undefined : this.#expected("a value");
      }
    }
  }

  /** What may follow a value: the end of containers, then a comma with what belongs behind it, or the end of the text. */
  #ends(closers: string[]): TextFault | undefined {
    for (;;) {
      this.#take(blanks);
      const closer = closers.at(-1);
      if (closer === undefined) return this.#expected("nothing more");
      if (this.#next(closer)) {
        closers.pop();
      } else if (this.#next(",")) {
        return closer === "}" ? this.#name() : undefined;
      } else {
        return this.#expected(`"," or "${closer}"`);
      }
    }
  }

  #name(): TextFault | undefined {
    this.#take(blanks);
    if (this.#peek() !== '"') return this.#expected("a name in double quotes");
    const fault = this.#string();
    if (fault !== undefined) return fault;
    this.#take(blanks);
    return this.#next(":") ? undefined : this.#expected('":"');
  }

  #string(): TextFault | undefined {
    this.#at += 1;
    this.#take(stringPart);
    if (this.#next('"')) return undefined;
    switch (this.#peek()) {
      case "":
        return this.#expected("the closing quote");
      case "\\":
        return { offset: this.#at, message: "is no escape that JSON knows" };
      default:
        return { offset: this.#at, message: "a line break or control character must be escaped" };
    }
  }

  #expected(what: string): TextFault {
    const found = this.#peek();
    return { offset: this.#at, message: `expected ${what}, found ${found === "" ? "the end" : found}` };
  }

  #peek(): string {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  #next(character: string): boolean {
    const found = this.#peek() === character;
    if (found) this.#at += 1;
    return found;
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const length = pattern.exec(this.#text)?.[0].length ?? 0;
    this.#at += length;
    return length > 0;
  }
}
