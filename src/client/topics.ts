/** The topics of the user, as a device joins them, leaves them and sees them. */
import type { Fault } from "./reports.ts";
import { isLike } from "./shape.ts";

export interface SubscribeOptions {
  /** `true`: the members who opted in see when this user comes and goes, and this user sees them. `false` when absent. */
  readonly presence?: boolean;
}

/** A topic that the user is a member of. */
export interface Subscription {
  readonly topic: string;
  readonly presence: boolean;
}

/** As the hub has it. Nothing else may stand in a URL: it could lead to something else. */
const topicPattern = /^(?!\.{1,2}$)[\w.@~:-]{1,128}$/;

/** @throws {TypeError} for what can be no topic */
export function pathOf(topic: string): string {
  if (topicPattern.test(topic)) return `topics/${topic}`;
  throw new TypeError("a topic is 1 to 128 of A-Z a-z 0-9 _ . @ ~ - :");
}

export function isTopicList(value: unknown): value is { readonly topics: readonly Subscription[] } {
  return isLike(value, { topics: [{ topic: "", presence: true }] });
}

/** A run of a client, from its start to its stop. */
export interface Run {
  running(): boolean;
  leading(): boolean;
  /** Resolves with the next connection; rejects when the client stops. */
  connected(): Promise<void>;
  fault(fault: Extract<Fault, { kind: "topic" }>): void;
}

/**
 * Subscribes to the topics that the app names, as soon as this tab holds a connection. What fails is told,
 * and tried again with the next connection. Never rejects.
 */
export async function subscribeInRun(
  subscribe: (topic: string) => Promise<void>,
  topics: readonly string[],
  run: Run,
): Promise<void> {
  for (let rest = topics; rest.length > 0; ) {
    try {
      await run.connected();
    } catch {
      return;
    }
    if (!run.leading()) continue;
    const failed: string[] = [];
    for (const topic of rest) {
      try {
        await subscribe(topic);
      } catch (error) {
        // Then it is why the request was given up.
        if (!run.running()) return;
        failed.push(topic);
        run.fault({ kind: "topic", topic, error });
      }
    }
    rest = failed;
  }
}
