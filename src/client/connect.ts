/** How a client comes by its connection. */
import type { Connected, Tell, Wanted } from "./connected.ts";

/** By the way of the surroundings, of which only what is needed is loaded. */
export async function connect(wanted: Wanted, tell: Tell): Promise<Connected> {
  if ("document" in globalThis) {
    // One that was built anew meanwhile may be unable to load it.
    const page = await import("./page/page.ts").catch(() => undefined);
    if (page !== undefined) return page.connectPage(wanted, tell, globalThis);
  }
  const { connectAlone, connectApart, identify } = await import("./alone.ts");
  return "document" in globalThis ? connectApart(wanted) : connectAlone(wanted, await identify(wanted));
}
