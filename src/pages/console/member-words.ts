/** What became of a change of the members of a topic, in words. Pure. */
import type { Changed } from "./audience-answers.ts";

/** Names that are said; of more, how many they are. */
const maxNames = 10;

const reasons: Readonly<Record<string, string>> = {
  limit: "in too many topics",
  unavailable: "gave no answer, try again",
};

/** `good` unless somebody's change did not come about. */
export function changedInWords({ done, pending, failed }: Changed): {
  readonly text: string;
  readonly kind: "good" | "bad";
} {
  const sentences = [`${done === 1 ? "1 user" : `${done} users`} done.`];
  if (pending.length > 0) sentences.push(`The topic will be told later of ${names(pending)}.`);
  if (failed.length > 0) {
    const why = failed.map(({ user, reason }) => `${user} (${reasons[reason] ?? reason})`);
    sentences.push(`Not done: ${names(why)}.`);
  }
  return { text: sentences.join(" "), kind: failed.length > 0 ? "bad" : "good" };
}

function names(all: readonly string[]): string {
  const more = all.length - maxNames;
  return `${all.slice(0, maxNames).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
