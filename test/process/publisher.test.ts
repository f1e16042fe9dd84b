/** The publisher against a real hub, over a line that loses answers, and while the hub is gone. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HubPublisher, type HubPublisherOptions, NoAnswerError } from "../../src/publisher/index.ts";
import { apiKeys } from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { type HubProcess, startHub } from "../support/hub-process.ts";
import { ask, listen } from "../support/publisher.ts";

let hub: HubProcess;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.stop());

function publisher(options: Partial<HubPublisherOptions> = {}): HubPublisher {
  return new HubPublisher({ url: hub.url, key: apiKeys.all, ...options });
}

/** Loses the answer to every second request, after the hub has taken it. */
function forgetfulLine() {
  let lost = 0;
  let requests = 0;
  const line: HubPublisherOptions["fetch"] = async (url, init) => {
    const response = await fetch(url, init);
    requests += 1;
    if (requests % 2 === 0) return response;
    lost += 1;
    throw new TypeError("the connection broke");
  };
  return { line, lost: () => lost };
}

describe("the publisher", () => {
  it("reaches a device that connects with a token of its making", async () => {
    const { expires, token } = await publisher().token("alice", { device: "phone", ttl: 600 });
    expect(expires).toBeGreaterThan(Date.now());
    const device = await listen(hub.url, "alice", "phone", { token: async () => token });
    await eventually(() => device.statuses.includes("live"));
    const receipt = await publisher().publish({
      to: { user: "alice" },
      type: "greeting",
      priority: "critical",
      ttl: 60,
      data: { text: "hello" },
    });
    expect(receipt).toMatchObject({ recipients: 1, state: "settled", ttl: 60 });
    expect(receipt.results).toEqual([{ user: "alice", state: "delivered", seq: 1, devices: 1 }]);
    await eventually(() => device.received.length === 1);
    expect(device.received).toMatchObject([{ id: receipt.id, data: { text: "hello" } }]);
    device.client.close();
  });

  it("delivers a batch of several requests once, though half of the answers get lost", async () => {
    const count = 2_500;
    const { line, lost } = forgetfulLine();
    const device = await listen(hub.url, "bob", "phone");
    const batch = Array.from({ length: count }, (_, data) => ({ to: { user: "bob" }, type: "n", data }));
    const receipts = await publisher({ fetch: line }).publishBatch(batch);
    expect(new Set(receipts.map(({ id }) => id)).size).toBe(count);
    expect(lost()).toBe(3);
    await eventually(() => device.received.length >= count, { timeoutMs: 40_000 });
    // Whatever the repetitions brought is in its lane by now; this one comes after it.
    await publisher().publish({ to: { user: "bob" }, type: "last" });
    await eventually(() => device.received.some(({ type }) => type === "last"));
    const numbers = device.received.filter(({ type }) => type === "n").map(({ data }) => Number(data));
    expect(numbers.toSorted((a, b) => a - b)).toEqual(batch.map(({ data }) => data));
    const dataOf = new Map(device.received.map(({ data, id }) => [id, data]));
    expect(receipts.map(({ id }) => dataOf.get(id))).toEqual(batch.map(({ data }) => data));
    device.client.close();
  });

  it("tells the hub's refusals by their code, without a second try", async () => {
    const to = { user: "carol" };
    const requests: string[] = [];
    const counting: HubPublisherOptions["fetch"] = (url, init) => {
      requests.push(url);
      return fetch(url, init);
    };
    await expect(
      publisher({ fetch: counting }).publish({ to: { user: "no name" }, type: "n" }),
    ).rejects.toMatchObject({
      name: "HubError",
      status: 400,
      code: "invalid_body",
      errors: [{ path: "to.user" }],
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(requests).toHaveLength(1);
    await expect(publisher({ key: apiKeys.revoked }).publish({ to, type: "n" })).rejects.toMatchObject({
      code: "api_key_invalid",
    });
    await expect(publisher({ key: apiKeys.publish }).token("carol")).rejects.toMatchObject({
      code: "insufficient_scope",
    });
    const batch = [...Array.from({ length: 1_000 }, () => ({ to, type: "n" })), { to, type: "not a name" }];
    await expect(publisher().publishBatch(batch)).rejects.toMatchObject({
      name: "BatchError",
      chunks: [
        { state: "accepted", from: 0, to: 1_000 },
        { state: "refused", from: 1_000, to: 1_001, error: { errors: [{ path: "messages[1000].type" }] } },
      ],
    });
  });

  it("waits for a hub that is starting again", async () => {
    await hub.kill();
    const gone = publisher({ attempts: 1 }).publish({ to: { user: "dave" }, type: "n" });
    await expect(gone).rejects.toThrow(NoAnswerError);
    const patient = publisher({ attempts: 100 }).publish({
      to: { user: "dave" },
      type: "n",
      priority: "critical",
    });
    await hub.restart();
    expect(await patient).toMatchObject({ state: "settled" });
    expect(await ask(hub.url, "users/dave")).toMatchObject({ head: 1, unread: 1 });
  });
});
