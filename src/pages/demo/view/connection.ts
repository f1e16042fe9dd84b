/** The strip that says how the connection stands, with a countdown to the next try. */
import type { Status } from "../../../client/index.ts";
import { byId, say } from "../../common/dom.ts";
import { countdownWords, statusWords } from "../words.ts";

/**
 * @param connectAgain what "Try now" does
 * @returns shows a status, until the next one
 */
export function connectionStrip(connectAgain: () => void): (status: Status) => void {
  const strip = byId("connection", HTMLDivElement);
  const text = byId("status", HTMLSpanElement);
  const countdown = byId("countdown", HTMLSpanElement);
  const tryNow = byId("try-now", HTMLButtonElement);
  let shown: { readonly status: Status; readonly since: number } | undefined;
  let ticking: ReturnType<typeof setInterval> | undefined;

  function show(): void {
    if (shown === undefined) return;
    const { status, since } = shown;
    const { tone, text: words, retryAt } = statusWords(status, since, navigator.onLine);
    strip.setAttribute("data-tone", tone);
    say(text, words);
    tryNow.hidden = status.state !== "waiting" && status.state !== "stopped";
    say(tryNow, status.state === "stopped" ? "Connect again" : "Try now");

    clearInterval(ticking);
    const tick = () => say(countdown, retryAt === undefined ? "" : countdownWords(retryAt, Date.now()));
    tick();
    if (retryAt !== undefined) ticking = setInterval(tick, 250);
  }

  tryNow.addEventListener("click", connectAgain);
  addEventListener("online", show);
  addEventListener("offline", show);
  return (status) => {
    shown = { status, since: Date.now() };
    show();
  };
}
