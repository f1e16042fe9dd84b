/** Reading a JSON body, never more of it than is allowed. */
import type { z } from "zod";
import { Problem } from "./problem.ts";
import { validate } from "./validate.ts";

/** `application/json`, with no charset but UTF-8 (RFC 8259 section 8.1). */
const json = /^application\/json[ \t]*(;[ \t]*charset[ \t]*=[ \t]*"?utf-8"?[ \t]*)?$/i;

/**
 * The body as the schema reads it.
 * @throws {Problem} `unsupported_media_type`, `too_large`, `invalid_body`, or what the schema names
 */
export async function readBody<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  maxBytes: number,
): Promise<z.output<Schema>> {
  refuseOtherTypes(request);
  return validate(schema, parse(await readText(request, maxBytes)), "invalid_body");
}

/** As {@link readBody}, for a body that may be left out, which is as good as `{}`. Clients leave it out in several ways; none of them sends a byte. */
export async function readOptionalBody<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  maxBytes: number,
): Promise<z.output<Schema>> {
  const text = await readText(request, maxBytes);
  if (text === "") return validate(schema, {}, "invalid_body");
  refuseOtherTypes(request);
  return validate(schema, parse(text), "invalid_body");
}

function refuseOtherTypes(request: Request): void {
  if (!json.test(request.headers.get("Content-Type") ?? "")) {
    throw new Problem("unsupported_media_type", "Content-Type must be application/json");
  }
  if (request.headers.has("Content-Encoding")) {
    throw new Problem("unsupported_media_type", "Content-Encoding is not supported");
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text.
    throw new Problem("invalid_body", "the body is not JSON");
  }
}

/** UTF-8, with or without a byte order mark. */
async function readText(request: Request, maxBytes: number): Promise<string> {
  const tooLarge = () => new Problem("too_large", `the body is longer than ${maxBytes} bytes`);
  if (Number(request.headers.get("Content-Length")) > maxBytes) throw tooLarge();
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of request.body ?? []) {
      bytes += chunk.byteLength;
      // Leaving the loop cancels the stream: the rest is not read.
      if (bytes > maxBytes) throw tooLarge();
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new Problem("invalid_body", "the body is not valid UTF-8");
    throw error;
  }
}
