/** The `localStorage` of a browser as a storage. Loaded when it is first used. */
import { isLike } from "./shape.ts";
import { type Kept, memoryStorage, type Storage, type WebStorageArea } from "./storage.ts";

/** @param area by default `localStorage`; where the browser denies it, what is kept is kept in memory */
export function openArea(key: string, area?: WebStorageArea): Storage {
  let chosen: WebStorageArea;
  try {
    // Browsers that deny it throw at the name already.
    chosen = area ?? localStorage;
    chosen.getItem(key);
  } catch {
    return memoryStorage();
  }
  return {
    load: async () => parseKept(chosen.getItem(key)),
    save: async (kept) => chosen.setItem(key, JSON.stringify(kept)),
  };
}

/** What stands in the text; `undefined` where that is nothing that was ever saved: then the device is a new one. */
function parseKept(json: string | null): Kept | undefined {
  try {
    const value: unknown = JSON.parse(json ?? "");
    return isKept(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isKept(value: unknown): value is Kept {
  const ahead = [{ seq: 0, id: "" }] as const;
  return isLike(value, { device: "", epoch: "", cursor: 0, recentIds: [""], ahead });
}
