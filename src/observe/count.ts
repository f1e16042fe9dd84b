/** Counting from anywhere in the Worker: the isolate's one tally, wired to the deployment. */
import { waitUntil } from "cloudflare:workers";
import type { Counts } from "./counts.ts";
import { meterName } from "./meter.ts";
import { Tally } from "./tally.ts";

const tally = new Tally();

/**
 * Counts now, and sees to it that the `Meter` hears of it within seconds. Throws nothing and is not
 * waited for. A queue's batch isn't either, because of `queue_consumer_no_wait_for_wait_until` in `wrangler.toml`.
 */
export function count(env: Pick<Env, "METER">, counts: Counts): void {
  tally.add(counts, {
    now: Date.now,
    wait: (milliseconds) => scheduler.wait(milliseconds),
    waitUntil,
    send: async (gathered) => env.METER.getByName(meterName).add(gathered),
  });
}
