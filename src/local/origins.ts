/** Which pages may connect to the local hub: all of them, until the developer says which. */

/** `ALLOWED_ORIGINS` as `wrangler.toml` comes with it. */
const shipped = "http://localhost:8787 http://127.0.0.1:8787";

/**
 * `ALLOWED_ORIGINS` to run the local hub with: a page of one's own is on some other port of this machine, and a
 * browser would not tell it why it can't connect. Connect tokens are needed all the same. `undefined` where the
 * developer has chosen, be it none.
 */
export function localOrigins(inConfig: unknown, inDevVars: string | undefined): "*" | undefined {
  return inDevVars === undefined && inConfig === shipped ? "*" : undefined;
}
