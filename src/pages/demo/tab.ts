/** The session of this tab: the token that came in the fragment of the link, kept so that a reload works. */
import { type Session, sessionOf, tokenIn } from "./session.ts";

/** Where this tab keeps its token. Not `localStorage`: another tab may be another user. */
const key = "hubbub-demo-token";

/** Takes a token out of the address bar, where history and screenshots would keep it; `undefined` where there is none, nor was before. */
export function takeSession(): Session | undefined {
  const shown = tokenIn(location.hash);
  if (shown !== undefined) {
    history.replaceState(null, "", location.pathname);
    sessionStorage.setItem(key, shown);
  }
  return sessionOf(sessionStorage.getItem(key) ?? "");
}

export function keepSession({ token }: Session): void {
  sessionStorage.setItem(key, token);
}

export function dropSession(): void {
  sessionStorage.removeItem(key);
}
