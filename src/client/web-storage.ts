/** The storage of a browser, for a device that is a page. */
import type { Storage, WebStorageArea } from "./storage.ts";

/**
 * Keeps it in the browser under a key, which should name the user: another user is another device.
 * Where there is no `localStorage`, or the browser denies it, only in memory.
 *
 * ```ts
 * new HubClient({ url, token, storage: webStorage("hubbub:alice") });
 * ```
 */
export function webStorage(key: string, area?: WebStorageArea): Storage {
  let opened: Storage | undefined;
  const open = async () => {
    const { openArea } = await import("./storage-area.ts");
    // Once: what the browser denies is kept in the memory of this one.
    opened ??= openArea(key, area);
    return opened;
  };
  return {
    load: async () => (await open()).load(),
    save: async (kept) => (await open()).save(kept),
  };
}
