import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { receiptLimits } from "../../../src/limits.ts";
import { messageId, userId } from "../../../src/protocol/ids.ts";
import { receiptEvent } from "../../../src/receipts/event.ts";
import {
  post,
  signature,
  type Webhook,
  webhookId,
  webhookKey,
  webhookUrl,
} from "../../../src/receipts/webhook.ts";

const published = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
const ours = webhookKey.parse(`whsec_${Buffer.alloc(24, "Zk3vQ9tXw2Lr7YbN5cHs8GdJ").toString("base64")}`);
const event = (number: number) =>
  receiptEvent({
    message: messageId.parse(`message-${number}`),
    user: userId.parse("alice"),
    state: "stored",
    at: 1_000,
  });
const events = [event(1), event(2)];

describe("a signature", () => {
  const content = {
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp: 1_614_265_330,
    body: '{"test": 2432232314}',
  };

  test("is the one that Standard Webhooks publishes for its example", () => {
    expect(signature([published], content)).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
  });

  test("comes once for each key, so that a receiver may know either while one is being rotated", () => {
    const both = signature([ours, published], content).split(" ");
    expect(both).toEqual([signature([ours], content), signature([published], content)]);
    expect(both[0]).not.toBe(both[1]);
  });
});

test("the id of a call is the same for the same events, in whichever order, and another for others", () => {
  expect(webhookId(events)).toBe(webhookId(events.toReversed()));
  expect(webhookId(events)).not.toBe(webhookId([event(1)]));
  expect(webhookId(events)).toMatch(/^msg_[A-Za-z0-9_-]{27}$/);
});

describe("a call", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  interface Received {
    readonly headers: IncomingMessage["headers"];
    readonly method: string | undefined;
    readonly body: string;
  }

  /** A receiver that keeps what it got, and answers as it is told. */
  async function receiver(answer: RequestListener): Promise<{ webhook: Webhook; received: Received[] }> {
    const received: Received[] = [];
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      received.push({ headers: request.headers, method: request.method, body });
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    return { webhook: { url: `http://127.0.0.1:${port}/hook`, keys: [ours] }, received };
  }

  const answering = (status: number, headers: Record<string, string> = {}) =>
    receiver((_, response) => response.writeHead(status, headers).end("thanks"));

  test("is signed over exactly what is sent", async () => {
    const { webhook, received } = await answering(200);
    expect(await post(webhook, events, 1_700_000_000_999)).toEqual({ answer: "taken", status: 200 });
    const [{ headers, method, body } = { headers: {}, method: "", body: "" }] = received;
    expect(method).toBe("POST");
    expect(JSON.parse(body)).toEqual({ type: "receipts", events });
    const id = webhookId(events);
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": "1700000000",
      "webhook-signature": signature([ours], { id, timestamp: 1_700_000_000, body }),
    });
  });

  test.each([
    [204, "taken"],
    [299, "taken"],
    [400, "refused"],
    [404, "refused"],
    [410, "gone"],
    [429, "refused"],
    [500, "refused"],
  ] as const)("that is answered %i is %s", async (status, answer) => {
    const { webhook } = await answering(status);
    expect(await post(webhook, events, 0)).toEqual({ answer, status });
  });

  test("does not follow a redirect", async () => {
    const other = await answering(200);
    const { webhook } = await answering(307, { Location: other.webhook.url });
    expect(await post(webhook, events, 0)).toEqual({ answer: "refused", status: 307 });
    expect(other.received).toEqual([]);
  });

  test("that is not answered in time fails", async () => {
    const asked = vi.spyOn(AbortSignal, "timeout").mockReturnValue(AbortSignal.abort(new Error("too late")));
    const { webhook } = await answering(200);
    await expect(post(webhook, events, 0)).rejects.toThrow("too late");
    expect(asked).toHaveBeenCalledWith(receiptLimits.postTimeoutMs);
  });

  test("that meets nobody fails", async () => {
    const { webhook } = await receiver((request) => request.socket.destroy());
    await expect(post(webhook, events, 0)).rejects.toThrow();
  });
});

describe("the address of a webhook", () => {
  test.each([
    "https://app.example.com/hooks/receipts",
    "https://app.example.com:8443/?a=b",
    "http://localhost:3000/hook",
    "http://127.0.0.1:3000",
    "http://[::1]:3000",
  ])("may be %s", (url) => {
    expect(webhookUrl.parse(url)).toBe(url);
  });

  test.each([
    "app.example.com",
    "http://app.example.com",
    "http://localhost.example.com",
    "ftp://localhost",
    "https://user:password@app.example.com",
    "https://user@app.example.com",
    "https://",
  ])("can't be %s", (url) => {
    expect(webhookUrl.safeParse(url).success).toBe(false);
  });
});

describe("the key of a signature", () => {
  const of = (bytes: number) => `whsec_${Buffer.alloc(bytes, "Zk3vQ9tXw2Lr7YbN5cHs8GdJ").toString("base64")}`;

  test.each([24, 25, 32, 64])("is %i bytes", (bytes) => {
    expect(webhookKey.parse(of(bytes))).toHaveLength(bytes);
  });

  test.each([
    of(23),
    of(65),
    "whsec_",
    of(24).slice(6),
    of(24).slice(0, -1),
    `${of(24)}=`,
    `${of(24)}\n`,
    of(24).replace("W", "-"),
  ])("is not read out of %j", (text) => {
    expect(webhookKey.safeParse(text).success).toBe(false);
  });

  test("is not the one that everybody knows", () => {
    const { error } = webhookKey.safeParse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    expect(error?.issues).toMatchObject([{ message: "is an example, not a secret" }]);
  });
});
