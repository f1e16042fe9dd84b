/** What `npm start` and `npm run dev:env` print: lines that work when they are copied into a shell. */
import type { LocalHub } from "./workspace.ts";

/** A word for any POSIX shell, whatever it holds. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Assignments for `eval`. */
export function shellExports(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${shellWord(value)}\n`)
    .join("");
}

/** The first push, complete. */
export function pushCommand({ url, apiKey }: LocalHub): string {
  const message = { to: { user: "alice" }, type: "notification", data: { title: "Hello, Alice!" } };
  return [
    `curl ${url}/v1/messages`,
    `-H ${shellWord(`Authorization: Bearer ${apiKey}`)}`,
    `-H ${shellWord("Content-Type: application/json")}`,
    `-d ${shellWord(JSON.stringify(message))}`,
  ].join(" \\\n         ");
}

/** The demo page as the user, who needs to paste nothing. The token travels in the fragment, which browsers keep for themselves. */
export function demoLink({ url }: LocalHub, user: string, token: string): string {
  return `${url}/demo#user=${user}&token=${token}`;
}

/** What to do about a key that an earlier version made; nothing about one that lacks no scope. */
export function olderKeyAdvice(missing: readonly string[]): string {
  if (missing.length === 0) return "";
  return `
  The API key of this hub is of an earlier version and lacks ${missing.length === 1 ? "the scope" : "the scopes"} ${missing.join(", ")}. To get one that has all: stop
  the hub, remove the line API_KEYS from .dev.vars, and start again.
`;
}

/**
 * What to do once the hub runs.
 * @param token a connect token of alice
 * @param missing scopes that the key lacks
 */
export function guide(hub: LocalHub, token: string, missing: readonly string[]): string {
  return `
  Hubbub is running at ${hub.url}

  1. Open alice's inbox in a browser, and in a second tab again:

       ${demoLink(hub, "alice", token)}

  2. Push a message to her:

       ${pushCommand(hub)}

  3. See what the hub sees: open ${hub.url}/console and paste this key:

       ${hub.apiKey}

  Pages of any origin may connect here, unless you set ALLOWED_ORIGINS; to a deployed hub, only those it names.

  A device in a terminal is npm run listen -- alice. Stop it with Ctrl-C, push more, start it again: it gets
  exactly what it missed. The whole of it by itself: npm run demo

  The link is good for an hour. Ctrl-C here stops the hub. Messages already stored are kept for the next
  start; those still waiting in a lane are not, since the local queues live in memory.
${olderKeyAdvice(missing)}
`;
}
