/**
 * Looking at the hub again and again while somebody can see it. A hidden tab asks nothing; a hub that fails is
 * asked less and less often.
 */
import { byId, say } from "../../common/dom.ts";
import { clock } from "../format.ts";
import { nextLookMs, saidOf } from "../said.ts";

export interface Look {
  /** At once, and from then on in turn; an answer that is still awaited is no longer wanted. */
  readonly again: () => void;
  readonly stop: () => void;
}

export interface Looking<Answer> {
  readonly ask: () => Promise<Answer>;
  readonly show: (answer: Answer) => void;
  /** Until the next look, after this many; `undefined`: there is no need to. */
  readonly waitMs: (looks: number) => number | undefined;
  /** Told what went wrong, and `undefined` when it is right again. */
  readonly failed: (error: unknown) => void;
}

export function lookWhileVisible<Answer>({ ask, show, waitMs, failed }: Looking<Answer>): Look {
  let turn = 0;
  let looks = 0;
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = true;

  const look = async (): Promise<void> => {
    clearTimeout(timer);
    turn += 1;
    due = document.hidden;
    if (due) return;
    const mine = turn;
    const outcome = await ask().then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    );
    // Stopped, or asked anew meanwhile.
    if (mine !== turn) return;
    looks += 1;
    if ("answer" in outcome) {
      failures = 0;
      failed(undefined);
      show(outcome.answer);
    } else {
      failures += 1;
      failed(outcome.error);
    }
    const wait = waitMs(looks);
    if (wait === undefined) return;
    timer = setTimeout(look, nextLookMs(wait, failures, "error" in outcome ? outcome.error : undefined));
  };
  const seen = () => {
    if (due && !document.hidden) void look();
  };
  document.addEventListener("visibilitychange", seen);
  void look();
  return {
    again: () => void look(),
    stop: () => {
      turn += 1;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    },
  };
}

/** Says at the head of a panel how old it is, and below why it is not newer. */
export function freshness(panel: string): (error: unknown) => void {
  const fresh = byId(`${panel}-fresh`, HTMLElement);
  const fault = byId(`${panel}-fault`, HTMLElement);
  return (error) => {
    say(fault, error === undefined ? "" : saidOf(error));
    fresh.classList.toggle("stale", error !== undefined);
    if (error === undefined) say(fresh, clock(Date.now()));
  };
}
