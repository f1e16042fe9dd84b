/**
 * The browser's back/forward cache: a page that is left may be kept there as it is, and come back. Meanwhile
 * nothing runs in it, and the browser may take its locks and sockets away without a word.
 */
import type { Attended } from "./attention.ts";

/** @returns stops watching */
export function onCache(page: Attended, call: { gone(): void; back(): void }): () => void {
  let away = false;
  const hidden = () => {
    away = true;
    call.gone();
  };
  const shown = () => {
    // Also fires when a page is first shown.
    if (away) call.back();
    away = false;
  };
  page.addEventListener("pagehide", hidden);
  page.addEventListener("pageshow", shown);
  return () => {
    page.removeEventListener("pagehide", hidden);
    page.removeEventListener("pageshow", shown);
  };
}
