import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  BatchError,
  type ChunkOutcome,
  HubPublisher,
  type PublishMessage,
} from "../../../src/publisher/index.ts";
import { publisherLimits } from "../../../src/publisher/limits.ts";
import type { Fetch } from "../../../src/publisher/send.ts";
import { type Fate, finalFates, type ModelHub, modelHub, passingFates, problem } from "./model-hub.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Each for so many users that three of them fill a request. */
const users = Array.from({ length: 3_333 }, () => "bob");
const perChunk = 3;

function messages(count: number): PublishMessage[] {
  return Array.from({ length: count }, (_, number) => ({ to: { users }, type: "n", data: { number } }));
}

function publisher(fetch: Fetch, attempts = 3): HubPublisher {
  return new HubPublisher({ url: "https://hub.test", key: "hub_a_b", fetch, attempts });
}

/** The receipts, or the error. */
async function settled<Value>(call: Promise<Value>): Promise<Value | BatchError> {
  const end = call.catch((error: unknown) => {
    if (error instanceof BatchError) return error;
    throw error;
  });
  await vi.runAllTimersAsync();
  return end;
}

async function failed(call: Promise<unknown>): Promise<BatchError> {
  const end = await settled(call);
  if (end instanceof BatchError) return end;
  throw new Error("the batch was accepted");
}

const states = ({ chunks }: BatchError) => chunks.map(({ state }) => state);

/** The numbers of the messages that a hub has, sorted. */
function numbersOf({ stored }: ModelHub): number[] {
  return [...stored.values()].map(({ text }) => JSON.parse(text).data.number).sort((a, b) => a - b);
}

const upTo = (count: number) => Array.from({ length: count }, (_, number) => number);

describe("a batch", () => {
  test("is accepted in requests of as many as fit, with a receipt for each message in their order", async () => {
    const hub = modelHub();
    const receipts = await settled(
      publisher(hub.fetch).publishBatch(messages(7), { idempotencyKey: "job", concurrency: 1 }),
    );
    expect(hub.keys).toEqual(["job", "job;from=3", "job;from=6"]);
    const ids = ["job/0", "job/1", "job/2", "job;from=3/0", "job;from=3/1", "job;from=3/2", "job;from=6/0"];
    expect(receipts).toEqual(ids.map((id) => ({ id, recipients: 1, state: "queued" })));
    expect(numbersOf(hub)).toEqual(upTo(7));
  });

  test("of nothing sends nothing", async () => {
    const hub = modelHub();
    expect(await publisher(hub.fetch).publishBatch([])).toEqual([]);
    expect(hub.keys).toEqual([]);
  });

  test("has a key of its own where none is given", async () => {
    const hub = modelHub();
    await settled(publisher(hub.fetch).publishBatch(messages(1)));
    await settled(publisher(hub.fetch).publishBatch(messages(1)));
    expect(new Set(hub.keys).size).toBe(2);
  });

  test.each([undefined, 1, 4])("has no more requests under way than it may: %s", async (concurrency) => {
    const hub = modelHub();
    await settled(
      publisher(hub.fetch).publishBatch(messages(30), concurrency === undefined ? {} : { concurrency }),
    );
    expect(hub.busiest()).toBe(concurrency ?? publisherLimits.concurrency);
  });
});

describe("a batch that is not accepted whole", () => {
  test("tells of each chunk what became of it, and leaves out those that would fare no better", async () => {
    const hub = modelHub(["ok", "ok", 401]);
    const error = await failed(
      publisher(hub.fetch).publishBatch(messages(13), { idempotencyKey: "job", concurrency: 1 }),
    );
    expect(states(error)).toEqual(["accepted", "accepted", "refused", "unsent", "unsent"]);
    expect(error.chunks.map(({ from, to }) => [from, to])).toEqual([
      [0, 3],
      [3, 6],
      [6, 9],
      [9, 12],
      [12, 13],
    ]);
    expect(error.chunks[2]).toMatchObject({ idempotencyKey: "job;from=6", error: { status: 401 } });
    expect(error.cause).toMatchObject({ status: 401 });
    expect(error.idempotencyKey).toBe("job");
    expect(error.message).toBe(
      "the batch was not accepted whole (messages: 6 accepted, 3 refused, 0 unknown, 4 unsent)",
    );
    expect(error.receipts.map((receipt) => receipt?.id)).toEqual([
      ...["job/0", "job/1", "job/2", "job;from=3/0", "job;from=3/1", "job;from=3/2"],
      ...upTo(7).map(() => undefined),
    ]);
  });

  test("does not lose the others for a chunk that is refused for what it holds", async () => {
    for (const fate of [400, 413]) {
      const hub = modelHub();
      const fetch: Fetch = async (url, init) =>
        init.headers["Idempotency-Key"] === "job;from=3" ? problem(fate) : hub.fetch(url, init);
      const error = await failed(
        publisher(fetch).publishBatch(messages(9), { idempotencyKey: "job", concurrency: 1 }),
      );
      expect(states(error)).toEqual(["accepted", "refused", "accepted"]);
      expect(numbersOf(hub)).toEqual([0, 1, 2, 6, 7, 8]);
    }
  });

  test("names the places of the batch, not those of the request", async () => {
    const fetch: Fetch = async () =>
      problem(400, {
        detail: "messages[2].to.user: is empty (and 1 more)",
        errors: [
          { path: "messages[2].to.user", message: "is empty" },
          { path: "messages", message: "address too many" },
        ],
      });
    const { chunks } = await failed(publisher(fetch).publishBatch(messages(6), { concurrency: 1 }));
    const told = chunks.map((chunk) => (chunk.state === "refused" ? chunk.error : undefined));
    expect(told).toMatchObject([
      { errors: [{ path: "messages[2].to.user" }, { path: "messages" }] },
      {
        status: 400,
        code: "code_400",
        requestId: "request-1",
        detail: "messages[5].to.user: is empty (and 1 more)",
        errors: [{ path: "messages[5].to.user", message: "is empty" }, { path: "messages" }],
      },
    ]);
  });

  test("is unknown, not refused, when a refusal comes after a try that may have been accepted", async () => {
    const error = await failed(publisher(modelHub(["unanswered", 401]).fetch).publishBatch(messages(1)));
    expect(states(error)).toEqual(["unknown"]);
    const limited = await failed(publisher(modelHub([429, 401]).fetch).publishBatch(messages(1)));
    expect(states(limited)).toEqual(["refused"]);
  });

  test("waits for what is under way, and starts nothing more, when the caller gives up", async () => {
    const reason = new Error("shutting down");
    const caller = new AbortController();
    const hub = modelHub([], 1_000);
    const fetch: Fetch = (url, init) =>
      new Promise((resolve, reject) => {
        init.signal.addEventListener("abort", () => reject(init.signal.reason));
        hub.fetch(url, init).then(resolve, reject);
      });
    setTimeout(() => caller.abort(reason), 1_500);
    const error = await failed(
      publisher(fetch).publishBatch(messages(12), { concurrency: 1, signal: caller.signal }),
    );
    expect(states(error)).toEqual(["accepted", "unknown", "unsent", "unsent"]);
    expect(error.cause).toBe(reason);
    expect(error.chunks[1]).toMatchObject({ error: { name: "NoAnswerError", cause: reason } });
  });

  test("was not sent at all where the caller had given up before", async () => {
    const hub = modelHub();
    const signal = AbortSignal.abort(new Error("no"));
    expect(states(await failed(publisher(hub.fetch).publishBatch(messages(4), { signal })))).toEqual([
      "unsent",
      "unsent",
    ]);
    expect(hub.keys).toEqual([]);
  });
});

describe("whatever fails, and however often", () => {
  const fates = fc.array(fc.constantFrom<Fate>("ok", ...passingFates, ...finalFates), { maxLength: 25 });

  /** What the error says is so. */
  function expectTrue(error: BatchError, hub: ModelHub, count: number): void {
    const has = new Set(numbersOf(hub));
    expect(error.chunks.flatMap(({ from, to }) => upTo(to).slice(from))).toEqual(upTo(count));
    const said = (chunk: ChunkOutcome) => {
      const known = upTo(chunk.to)
        .slice(chunk.from)
        .map((number) => has.has(number));
      if (chunk.state === "accepted") return !known.includes(false);
      return chunk.state === "unknown" || !known.includes(true);
    };
    expect(error.chunks.filter((chunk) => !said(chunk))).toEqual([]);
  }

  test("an error tells the truth, and repeating it under its key delivers everything once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fates,
        fc.integer({ min: 1, max: 4 * perChunk }),
        fc.integer({ min: 1, max: 3 }),
        async (script, count, concurrency) => {
          const hub = modelHub(script);
          const batch = messages(count);
          let key = "job";
          // Each round uses up at least one fate.
          for (let rounds = 0; rounds <= script.length; rounds += 1) {
            const end = await settled(
              publisher(hub.fetch).publishBatch(batch, { idempotencyKey: key, concurrency }),
            );
            if (!(end instanceof BatchError)) {
              expect(end).toHaveLength(count);
              break;
            }
            // What an earlier round left accepted is beyond what this round's error knows.
            if (rounds === 0) expectTrue(end, hub, count);
            key = end.idempotencyKey;
          }
          expect(numbersOf(hub)).toEqual(upTo(count));
          expect(hub.conflicts).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  }, 30_000);

  test("a chunk that is pushed again by itself, under its key, is delivered once", async () => {
    const hub = modelHub(["ok", "unanswered", 401]);
    const batch = messages(9);
    const error = await failed(
      publisher(hub.fetch).publishBatch(batch, { idempotencyKey: "job", concurrency: 1 }),
    );
    expect(states(error)).toEqual(["accepted", "unknown", "unsent"]);
    for (const { from, idempotencyKey, state, to } of error.chunks) {
      if (state === "accepted") continue;
      await settled(publisher(hub.fetch).publishBatch(batch.slice(from, to), { idempotencyKey }));
    }
    expect(numbersOf(hub)).toEqual(upTo(9));
    expect(hub.conflicts).toEqual([]);
  });
});
