/** The origins of the local hub itself, for pages that are served through its own port. */

/**
 * `ALLOWED_ORIGINS` for a local hub on this port: what is configured, and the hub's own origins.
 * `undefined` where these are among the configured ones already, which may then change while it runs.
 */
export function withOwnOrigins(configured: ReadonlySet<string>, port: number): string | undefined {
  const own = [`http://localhost:${port}`, `http://127.0.0.1:${port}`];
  if (configured.has("*") || own.every((origin) => configured.has(origin))) return undefined;
  return [...new Set([...configured, ...own])].join(" ");
}
