/** When it is time to look after the connection: somebody looks at the page, or the network is back. */

interface EventSource {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

/** What of a page is looked at. */
export interface Attended extends EventSource {
  readonly document?: EventSource & { readonly visibilityState: string };
}

/**
 * Calls back when the network returns, when a hidden tab is shown, and when a page comes back from the
 * browser's cache.
 * @returns stops that
 */
export function onAttention(page: Attended, call: () => void): () => void {
  const { document } = page;
  const shown = () => {
    if (document?.visibilityState === "visible") call();
  };
  page.addEventListener("online", call);
  page.addEventListener("pageshow", call);
  document?.addEventListener("visibilitychange", shown);
  return () => {
    page.removeEventListener("online", call);
    page.removeEventListener("pageshow", call);
    document?.removeEventListener("visibilitychange", shown);
  };
}
