/** Telling what became of what the operator asked for, where it was asked. */
import { say } from "../../common/dom.ts";
import { saidOf } from "../said.ts";

/** Does it, and says how it went; `undefined` where it failed. */
export async function told<Answer>(
  place: Element,
  action: () => Promise<Answer>,
  words: (answer: Answer) => string,
): Promise<Answer | undefined> {
  try {
    const answer = await action();
    tell(place, words(answer), "good");
    return answer;
  } catch (error) {
    tell(place, saidOf(error), "bad");
    return undefined;
  }
}

export function tell(place: Element, text: string, kind: "good" | "bad"): void {
  place.classList.toggle("bad", kind === "bad");
  say(place, text);
}
