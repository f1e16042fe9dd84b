/** Whether a parsed JSON value stays within bounds. Walks without recursion, so that depth can't overflow the stack. */

export interface JsonBounds {
  readonly maxDataBytes: number;
  readonly maxDataDepth: number;
  readonly maxDataNodes: number;
}

export interface JsonFault {
  readonly code: "too_deep" | "too_large" | "too_complex" | "not_finite";
  readonly message: string;
}

const encoder = new TextEncoder();

/** Length of a text in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).byteLength;
}

/** The first bound that the value breaks. A scalar has depth 0, `[]` and `{}` have depth 1. */
export function jsonFault(value: unknown, bounds: JsonBounds): JsonFault | undefined {
  const rest: [value: unknown, depth: number][] = [[value, 0]];
  let nodes = 0;
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const [node, depth] = next;
    nodes += 1;
    if (nodes > bounds.maxDataNodes) {
      return { code: "too_complex", message: `holds more than ${bounds.maxDataNodes} values` };
    }
    // 1e400 parses to Infinity, which JSON can't say: it would turn into null on its way.
    if (typeof node === "number" && !Number.isFinite(node)) {
      return { code: "not_finite", message: "holds a number beyond the range of a double" };
    }
    if (typeof node !== "object" || node === null) continue;
    if (depth === bounds.maxDataDepth) {
      return { code: "too_deep", message: `is nested deeper than ${bounds.maxDataDepth}` };
    }
    for (const member of Object.values(node)) rest.push([member, depth + 1]);
  }
  if (utf8Length(JSON.stringify(value) ?? "null") > bounds.maxDataBytes) {
    return { code: "too_large", message: `is longer than ${bounds.maxDataBytes} bytes as JSON` };
  }
  return undefined;
}
