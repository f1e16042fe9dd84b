/**
 * `GET /v1/users/:user/export`: everything that is held about a user, as NDJSON: one JSON object a line. The
 * first is of kind `user`, the last of kind `end`; where that is missing, the export was cut off.
 */
import type { ExportCursor } from "../hub/views.ts";
import { type DeadLetter, deadLettersName } from "../lanes/dead-letter.ts";
import { encodeMessage } from "../lanes/message-text.ts";
import { exportLimits } from "../limits.ts";
import { log } from "../observe/log.ts";
import type { UserId } from "../protocol/ids.ts";
import { requireScope } from "./authenticate.ts";
import type { Handler } from "./context.ts";
import { bodyHeaders, withMember } from "./json-text.ts";
import { userPath } from "./users.ts";
import { validate } from "./validate.ts";

/** Answers with the lines as they are read: what nobody takes is not asked for. */
export const exportUser: Handler = async (context) => {
  const { id } = requireScope(context, "users:read");
  const { user } = validate(userPath, context.req.param(), "invalid_request");
  log("info", "user_exported", { request: context.var.request, by: id });
  const chunks = chunksOf(context.env, user, Date.now());
  // The first one before anything is answered: a user's object that fails is told as such.
  const first = await chunks.next();
  return new Response(streamOf(chunks, first), {
    headers: { ...bodyHeaders, "Content-Type": "application/x-ndjson" },
  });
};

async function* chunksOf(env: Env, user: UserId, exported: number): AsyncGenerator<string> {
  let records = 0;
  let text = lines([JSON.stringify({ kind: "user", user, exported })]);
  for await (const page of pagesOf(env, user)) {
    records += page.length;
    yield text + lines(page);
    text = "";
  }
  yield lines([JSON.stringify({ kind: "end", records })]);
}

/** The pages of the user's object, and then those of the dead letters. */
async function* pagesOf(env: Env, user: UserId): AsyncGenerator<readonly string[]> {
  let cursor: ExportCursor | undefined;
  do {
    // A stub of its own for each call: one that failed once fails for ever.
    const page = await env.USER_HUB.getByName(user).export(cursor);
    yield page.lines;
    cursor = page.next;
  } while (cursor !== undefined);
  let next: number | undefined;
  do {
    const query = { user, limit: exportLimits.pageLetters, ...(next === undefined ? {} : { cursor: next }) };
    const page = await env.DEAD_LETTERS.getByName(deadLettersName).list(query);
    yield page.letters.flatMap((letter) => ("message" in letter ? [letterText(letter)] : []));
    next = page.next;
  } while (next !== undefined);
}

function letterText({ message, ...facts }: Extract<DeadLetter, { readonly message: unknown }>): string {
  return withMember({ kind: "dead_letter", ...facts }, "message", encodeMessage(message));
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}

function streamOf(chunks: AsyncGenerator<string>, first: IteratorResult<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let ahead: IteratorResult<string> | undefined = first;
  const next = async () => {
    const taken = ahead ?? (await chunks.next());
    ahead = undefined;
    return taken;
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
