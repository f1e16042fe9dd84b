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
  const message = { to: { user: "alice" }, type: "notification", data: { text: "Hello, Alice!" } };
  return [
    `curl ${url}/v1/messages`,
    `-H ${shellWord(`Authorization: Bearer ${apiKey}`)}`,
    `-H ${shellWord("Content-Type: application/json")}`,
    `-d ${shellWord(JSON.stringify(message))}`,
  ].join(" \\\n         ");
}

/** What to do once the hub runs. */
export function guide(hub: LocalHub): string {
  return `
  Hubbub is running at ${hub.url}

  1. In a second terminal, become a device of the user alice; in a third one again, and she has two:

       npm run listen -- alice

  2. Push a message to her:

       ${pushCommand(hub)}

  Stop a device with Ctrl-C, push more, start it again: it gets exactly what it missed.
  The whole of it by itself: npm run demo

  Ctrl-C here stops the hub. Messages already stored are kept for the next start; those still waiting
  in a lane are not, since the local queues live in memory.

`;
}
