import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  HubError,
  HubPublisher,
  type HubPublisherOptions,
  NoAnswerError,
} from "../../../src/publisher/index.ts";
import { publisherLimits } from "../../../src/publisher/limits.ts";
import type { Fetch } from "../../../src/publisher/send.ts";
import { problem } from "./model-hub.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const hello = { to: { user: "alice" }, type: "notification", data: { title: "Hello!" } };
const receipt = { id: "message-1", recipients: 1, state: "queued", expires: 7 } as const;

/** A publisher whose requests are answered in turn, and what it asked for; the last answer holds for all further ones. */
function publisher(answers: readonly Fetch[], options: Partial<HubPublisherOptions> = {}) {
  let made = 0;
  const fetch = vi.fn<Fetch>((url, init) => {
    made += 1;
    const answer = answers[Math.min(made, answers.length) - 1];
    if (answer === undefined) throw new Error("no answer was prepared");
    return answer(url, init);
  });
  return { fetch, hub: new HubPublisher({ url: "https://hub.test", key: "hub_a_b", fetch, ...options }) };
}

const accepted: Fetch = async () => Response.json(receipt, { status: 202 });
const offline: Fetch = () => Promise.reject(new TypeError("fetch failed"));
const refused =
  (status: number, retryAfter?: string): Fetch =>
  async () =>
    problem(status, retryAfter === undefined ? {} : { headers: { "Retry-After": retryAfter } });
/** Answers never, but lets itself be aborted, as `fetch` does. */
const silent: Fetch = (_url, { signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

/** What the call comes to, and how much time passed until then. */
async function settled<Value>(
  call: Promise<Value>,
): Promise<{ value?: Value; error?: unknown; after: number }> {
  const start = Date.now();
  const end = call.then(
    (value) => ({ value, after: Date.now() - start }),
    (error: unknown) => ({ error, after: Date.now() - start }),
  );
  await vi.runAllTimersAsync();
  return end;
}

describe("a push", () => {
  test("is one request that names the message, the key of the API and a key of its own", async () => {
    const { fetch, hub } = publisher([accepted]);
    expect(await hub.publish(hello)).toEqual(receipt);
    expect(fetch).toHaveBeenCalledExactlyOnceWith(
      "https://hub.test/v1/messages",
      expect.objectContaining({
        method: "POST",
        redirect: "manual",
        body: JSON.stringify(hello),
        headers: {
          Authorization: "Bearer hub_a_b",
          "Content-Type": "application/json",
          "Idempotency-Key": expect.stringMatching(/^[0-9a-f-]{36}$/),
        },
      }),
    );
  });

  test("goes to a hub that lives under a path", async () => {
    for (const url of ["https://example.com/hub", "https://example.com/hub/"]) {
      const { fetch, hub } = publisher([accepted], { url });
      await hub.publish(hello);
      expect(fetch.mock.calls[0]?.[0]).toBe("https://example.com/hub/v1/messages");
    }
  });

  test("uses the fetch of the platform, as the function that it is", async () => {
    const strict = function (this: unknown, ...call: Parameters<Fetch>) {
      return this === undefined ? accepted(...call) : Promise.reject(new TypeError("Illegal invocation"));
    };
    vi.stubGlobal("fetch", strict);
    const hub = new HubPublisher({ url: "https://hub.test", key: "hub_a_b" });
    expect(await hub.publish(hello)).toEqual(receipt);
  });

  test("is repeated under the same key until it is answered, after growing waits", async () => {
    const { fetch, hub } = publisher([offline, refused(503), refused(429), refused(502), accepted]);
    expect(await settled(hub.publish(hello))).toEqual({ value: receipt, after: 250 + 500 + 1_000 + 2_000 });
    const keys = fetch.mock.calls.map(([, { headers }]) => headers["Idempotency-Key"]);
    expect(keys).toHaveLength(5);
    expect(new Set(keys).size).toBe(1);
    expect(new Set(fetch.mock.calls.map(([, { body }]) => body)).size).toBe(1);
  });

  test("waits at least for as long as the hub asks for, in seconds or until a date", async () => {
    const { hub } = publisher([refused(503, "7"), refused(429, "Thu, 01 Jan 1970 00:00:10 GMT"), accepted]);
    expect(await settled(hub.publish(hello))).toEqual({ value: receipt, after: 10_000 + 500 });
  });

  test("is given up at once when the hub asks for a longer wait than anybody should be kept for", async () => {
    const { fetch, hub } = publisher([refused(503, "60")]);
    const { error, after } = await settled(hub.publish(hello));
    expect(error).toMatchObject({ status: 503, retryAfterMs: 60_000 });
    expect(after).toBe(0);
    expect(fetch).toHaveBeenCalledOnce();
  });

  test.each([301, 400, 401, 403, 404, 409, 413, 415])("is not repeated after %i", async (status) => {
    const { fetch, hub } = publisher([refused(status)]);
    const { error } = await settled(hub.publish(hello, { idempotencyKey: "order-1001" }));
    expect(error).toBeInstanceOf(HubError);
    expect(error).toMatchObject({ status, code: `code_${status}`, requestId: "request-1" });
    expect(fetch).toHaveBeenCalledOnce();
    expect(fetch.mock.calls[0]?.[1].headers["Idempotency-Key"]).toBe("order-1001");
  });

  test("fails with the last failure once the tries are used up", async () => {
    const { fetch, hub } = publisher([refused(503), offline], { attempts: 3 });
    const { error } = await settled(hub.publish(hello));
    expect(error).toBeInstanceOf(NoAnswerError);
    expect(error).toMatchObject({ name: "NoAnswerError", cause: new TypeError("fetch failed") });
    expect(fetch).toHaveBeenCalledTimes(3);
    const byDefault = publisher([offline]);
    await settled(byDefault.hub.publish(hello));
    expect(byDefault.fetch).toHaveBeenCalledTimes(publisherLimits.attempts);
  });

  test("cuts a try off that takes too long, and makes another", async () => {
    const { hub } = publisher([silent, accepted], { timeoutMs: 3_000 });
    expect(await settled(hub.publish(hello))).toEqual({ value: receipt, after: 3_250 });
    const { error } = await settled(publisher([silent], { attempts: 1 }).hub.publish(hello));
    expect(error).toEqual(new NoAnswerError("no answer within 30000 ms"));
  });

  test("is not taken for accepted by an answer that no hub gives", async () => {
    for (const body of ["<html>", "{}", '{"id":1}']) {
      const { fetch, hub } = publisher([async () => new Response(body)]);
      const { error } = await settled(hub.publish(hello));
      expect(error).toMatchObject({ status: 200, code: "unexpected_answer" });
      expect(fetch).toHaveBeenCalledOnce();
    }
  });

  test("is repeated when the answer breaks off", async () => {
    const broken: Fetch = async () =>
      new Response(new ReadableStream({ pull: (body) => body.error(new TypeError("terminated")) }));
    const { hub } = publisher([broken, accepted]);
    expect(await settled(hub.publish(hello))).toMatchObject({ value: receipt });
  });

  test("leaves no timer behind", async () => {
    const { hub } = publisher([accepted]);
    await hub.publish(hello);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a caller who gives up", () => {
  const reason = new Error("enough");

  test("before it began sends nothing", async () => {
    const { fetch, hub } = publisher([accepted]);
    await expect(hub.publish(hello, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(fetch).not.toHaveBeenCalled();
  });

  test("ends the try that is under way, and is told so", async () => {
    const { fetch, hub } = publisher([silent]);
    const caller = new AbortController();
    setTimeout(() => caller.abort(reason), 1_000);
    expect(await settled(hub.publish(hello, { signal: caller.signal }))).toEqual({
      error: reason,
      after: 1_000,
    });
    expect(fetch).toHaveBeenCalledOnce();
  });

  test("does not wait for the next try", async () => {
    const { fetch, hub } = publisher([refused(503, "20")]);
    const caller = new AbortController();
    setTimeout(() => caller.abort(reason), 1_000);
    const { error, after } = await settled(hub.token("alice", { signal: caller.signal }));
    expect([error, after]).toEqual([reason, 1_000]);
    expect(fetch).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("while an answer is on its way does not begin to wait", async () => {
    const caller = new AbortController();
    const { fetch, hub } = publisher([
      async () => {
        caller.abort(reason);
        return problem(503);
      },
    ]);
    expect(await settled(hub.publish(hello, { signal: caller.signal }))).toEqual({ error: reason, after: 0 });
    expect(fetch).toHaveBeenCalledOnce();
  });
});

describe("a connect token", () => {
  const minted: Fetch = async () => Response.json({ token: "t.o.k", expires: 9 }, { status: 201 });

  test("is asked for by user, device and lifetime", async () => {
    const { fetch, hub } = publisher([minted]);
    expect(await hub.token("alice")).toEqual({ token: "t.o.k", expires: 9 });
    expect(await hub.token("alice", { device: "phone", ttl: 600 })).toEqual({ token: "t.o.k", expires: 9 });
    expect(fetch.mock.calls.map(([url, { body }]) => [url, body])).toEqual([
      ["https://hub.test/v1/tokens", '{"user":"alice"}'],
      ["https://hub.test/v1/tokens", '{"user":"alice","device":"phone","ttl":600}'],
    ]);
  });

  test("is asked for again after a failure that passes", async () => {
    const { hub } = publisher([offline, minted]);
    expect(await settled(hub.token("alice"))).toEqual({ value: { token: "t.o.k", expires: 9 }, after: 250 });
  });
});

describe("options that can't work are refused at once", () => {
  test("such as a key that no header can hold, which is not repeated", () => {
    const unset = JSON.parse("{}").HUBBUB_API_KEY;
    for (const key of ["", "hub_a b", "hub_secret\n", unset]) {
      expect(() => publisher([], { key })).toThrow(new TypeError("key must be an API key of the hub"));
    }
  });

  test("such as a URL that is none", () => {
    expect(() => publisher([], { url: "hub.test" })).toThrow(TypeError);
  });

  test("such as numbers that are not whole, or beyond what a timer takes", () => {
    for (const count of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
      expect(() => publisher([], { timeoutMs: count })).toThrow(RangeError);
    }
    expect(() => publisher([], { attempts: 0 })).toThrow("attempts must be a whole number from 1");
  });

  test("such as an idempotency key of two words", async () => {
    const { fetch, hub } = publisher([accepted]);
    await expect(hub.publish(hello, { idempotencyKey: "order 1001" })).rejects.toThrow(TypeError);
    await expect(hub.publishBatch([], { idempotencyKey: "" })).rejects.toThrow(TypeError);
    await expect(hub.publishBatch([hello], { concurrency: 0 })).rejects.toThrow(RangeError);
    expect(fetch).not.toHaveBeenCalled();
  });
});
