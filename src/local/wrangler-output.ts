/** Which lines of `wrangler dev` a developer of this project wants to see: the requests, the log, and what went wrong. */

/** The line after which the hub answers. */
const ready = /Ready on http/;
/** Said at every start and reload, and about an internet that a local hub does not need. */
const noise = [
  /^\s*$/,
  /wrangler \d+\.\d+/,
  /^─+$/,
  /telemetry/,
  /^❓ Your types might be out of date/,
  /^The file .+ changed, restarting build/,
  /^Using (?:secrets|vars) defined in/,
  /^Your Worker has access to the following bindings:/,
  /^Binding\s+Resource/,
  /^env\.\w+ \(/,
  /^⎔ /,
  /^\[custom build\] (?:Running: |page \/|$)/,
  /Parsed \d+ valid header rules?/,
  /Request\.cf/,
  /getaddrinfo/,
  /^\s+at GetAddrInfoReqWrap/,
  ready,
];

export function isReady(line: string): boolean {
  return ready.test(line);
}

/** The line as it is shown; `undefined` when it is noise. */
export function shown(line: string): string | undefined {
  if (noise.some((pattern) => pattern.test(line))) return undefined;
  return line.replace(/^\[wrangler:info\] /, "");
}
