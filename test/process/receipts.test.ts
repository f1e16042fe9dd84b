/** Receipts as their receiver gets them: from a real hub, over HTTP, through its own faults. */
import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HubClient } from "../../src/client/index.ts";
import { HubPublisher } from "../../src/publisher/index.ts";
import { apiKeys, testBindings, tokenFor, withKey } from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { freePort, type HubProcess, startHub } from "../support/hub-process.ts";

const secret = Buffer.from("4Y7xGgFiXFuoIaNv7YGQaUzy");
const previous = Buffer.from("Olj5Y27MAA4STmzoXJRMY8O5");

interface Event {
  readonly id: string;
  readonly message: string;
  readonly user: string;
  readonly state: string;
  readonly device?: string;
  readonly at: number;
}

/** A receiver that fails as long as it is told to, and then keeps the events of what it can verify. */
class Receiver {
  readonly #server: Server;
  /** Answers to the next calls: a status, or none at all. */
  readonly faults: (number | "cut")[] = [];
  readonly events: Event[] = [];
  readonly paths: (string | undefined)[] = [];
  readonly unverified: string[] = [];

  constructor(port: number) {
    this.#server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      const [id, timestamp, signatures] = ["id", "timestamp", "signature"].map(
        (name) => `${request.headers[`webhook-${name}`]}`,
      );
      // As a receiver that still knows the previous key only.
      const expected = createHmac("sha256", previous).update(`${id}.${timestamp}.${body}`).digest("base64");
      if (!signatures?.split(" ").includes(`v1,${expected}`)) this.unverified.push(body);
      const answer = this.faults.shift() ?? 204;
      this.paths.push(request.url);
      if (answer === "cut") {
        request.socket.destroy();
        return;
      }
      if (answer === 204) this.events.push(...JSON.parse(body).events);
      response.writeHead(answer, answer === 302 ? { Location: "/elsewhere" } : {}).end();
    });
    this.#server.listen(port, "127.0.0.1");
  }

  of(message: string): string[] {
    return this.events
      .filter((event) => event.message === message)
      .toSorted((a, b) => a.at - b.at)
      .map(({ state, device }) => (device === undefined ? state : `${state} ${device}`));
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe("the receiver of receipts", () => {
  let hub: HubProcess;
  let receiver: Receiver;

  beforeAll(async () => {
    const port = await freePort();
    receiver = new Receiver(port);
    hub = await startHub({
      ...testBindings,
      RECEIPT_URL: `http://127.0.0.1:${port}/receipts`,
      RECEIPT_SECRET: `whsec_${secret.toString("base64")}`,
      RECEIPT_SECRET_PREVIOUS: `whsec_${previous.toString("base64")}`,
    });
  });

  afterAll(async () => {
    receiver.stop();
    await hub.stop();
  });

  const publish = async (user: string): Promise<string> => {
    const publisher = new HubPublisher({ url: hub.url, key: apiKeys.all });
    const { id } = await publisher.publish({ to: { user }, type: "note", data: 1, receipts: true });
    return id;
  };

  it("gets every step of a message, signed, although it fails at first", async () => {
    receiver.faults.push(500, "cut", 302);
    const id = await publish("alice");
    const client = new HubClient({ url: hub.url, token: () => tokenFor("alice"), device: "laptop" });
    client.on("note", () => {});
    await client.start();
    await eventually(() => receiver.of(id).length === 3, { timeoutMs: 40_000 });
    await client.read({ ids: [id] });
    await eventually(() => receiver.of(id).length === 4, { timeoutMs: 20_000 });
    client.close();
    expect(new Set(receiver.of(id))).toEqual(
      new Set(["stored", "sent laptop", "acknowledged laptop", "read"]),
    );
    expect(receiver.unverified).toEqual([]);
    expect(receiver.faults).toEqual([]);
    // The redirect was not followed.
    expect(new Set(receiver.paths)).toEqual(new Set(["/receipts"]));
  });

  it("is asked nothing for what the publisher can ask itself", async () => {
    const id = await publish("bob");
    await eventually(() => receiver.of(id).includes("stored"), { timeoutMs: 20_000 });
    const response = await fetch(`${hub.url}/v1/messages/${id}`, { headers: withKey() });
    expect(await response.json()).toMatchObject({
      ...{ id, type: "note", recipients: 1 },
      counts: { stored: 1 },
    });
  });
});
