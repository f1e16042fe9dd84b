/** Rows B of the test matrix: what may be published, and how everything else is refused. */
import { describe, expect, test, vi } from "vitest";
import { messageLimits, requestLimits } from "../../src/limits.ts";
import { accepted, api, inboxOf, problem, publish, to } from "../support/api.ts";
import { connect, origin } from "../support/connect.ts";
import { apiKeys } from "../support/credentials.ts";
import { recordedQueue } from "../support/lanes.ts";

const critical = (...users: string[]): object => ({ ...to(...users), priority: "critical" });

describe("a publish", () => {
  test.each(["", " \n", "null", "[]", '"x"', "1", "true", "{", "{}", "{'a':1}"])(
    "B8 with the body %j is refused",
    async (body) => {
      expect(await problem(api("POST", "/v1/messages", { body }))).toMatchObject({
        status: 400,
        code: "invalid_body",
      });
    },
  );

  test("B9 that says it is too large is refused unread", async () => {
    const unread = new ReadableStream(
      {
        pull: () => {
          throw new Error("read");
        },
      },
      { highWaterMark: 0 },
    );
    const headers = { "Content-Length": `${requestLimits.maxBodyBytes + 1}` };
    const refused = await problem(api("POST", "/v1/messages", { body: unread, headers, bindings: {} }));
    expect(refused).toMatchObject({ status: 413, code: "too_large" });
  });

  test("B9 that does not say its size is read up to the limit and no further", async () => {
    const chunk = new Uint8Array(64 * 1024).fill(0x20);
    let given = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        given += chunk.byteLength;
        controller.enqueue(chunk);
      },
    });
    const refused = await problem(api("POST", "/v1/messages", { body: endless, bindings: {} }));
    expect(refused).toMatchObject({ status: 413, code: "too_large" });
    expect(given).toBeLessThan(requestLimits.maxBodyBytes + 16 * chunk.byteLength);
  });

  test("B9 with data of 64 KiB is accepted, and of one byte more refused", async () => {
    const data = "x".repeat(messageLimits.maxDataBytes - 2);
    await accepted(publish({ ...to("b9"), data }, { bindings: { LANE_NORMAL: recordedQueue() } }));
    const refused = await problem(publish({ ...to("b9"), data: `${data}x` }));
    expect(refused).toMatchObject({ status: 413, code: "too_large", errors: [{ path: "data" }] });
  });

  test.each([
    "",
    "text/plain",
    "application/json; charset=utf-16",
    "application/jsonp",
    "text/json",
    "application/json; x=1",
  ])("B11 with the Content-Type %j is refused", async (type) => {
    const refused = await problem(publish(to("alice"), { headers: { "Content-Type": type } }));
    expect(refused).toMatchObject({ status: 415, code: "unsupported_media_type" });
  });

  test.each([
    "application/json",
    "Application/JSON",
    "application/json;charset=utf-8",
    'application/json; charset="UTF-8"',
  ])("B11 with the Content-Type %s is accepted", async (type) => {
    await accepted(publish(to("b11"), { headers: { "Content-Type": type } }));
  });

  test("B12 that is compressed is refused", async () => {
    const refused = await problem(
      publish(to("alice"), { headers: { "Content-Encoding": "gzip" }, bindings: {} }),
    );
    expect(refused).toMatchObject({ status: 415, code: "unsupported_media_type" });
  });

  test("B15 with a byte order mark is accepted", async () => {
    await accepted(api("POST", "/v1/messages", { body: `\ufeff${JSON.stringify(to("b15"))}` }));
  });

  test("B15 that is not UTF-8 is refused", async () => {
    const body = new TextEncoder().encode(JSON.stringify({ ...to("alice"), data: "xx" }));
    body[body.indexOf(0x78)] = 0xff;
    expect(await problem(api("POST", "/v1/messages", { body }))).toMatchObject({
      status: 400,
      code: "invalid_body",
    });
  });

  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  const withData = (data: string): string => `{"to":{"user":"alice"},"type":"note","data":${data}}`;

  test.each([33, 1_000_000])("B17 with data nested %i deep is refused", async (depth) => {
    const refused = await problem(api("POST", "/v1/messages", { body: withData(nested(depth)) }));
    expect(refused).toMatchObject({ status: 400, code: "too_deep" });
  });

  test("B17 with data nested 32 deep is accepted; nesting elsewhere is refused", async () => {
    await accepted(api("POST", "/v1/messages", { body: withData(nested(32)) }));
    expect(await problem(api("POST", "/v1/messages", { body: nested(1_000_000) }))).toMatchObject({
      code: "invalid_body",
    });
  });

  test("B18 with ten thousand fields, a huge string or a number beyond a double is refused", async () => {
    const fields = JSON.stringify(
      Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`k${index}`, 0])),
    );
    for (const [data, status, code] of [
      [fields, 400, "too_complex"],
      [JSON.stringify("x".repeat(1_000_000)), 413, "too_large"],
      ["1e400", 400, "not_finite"],
      ["[-1e400]", 400, "not_finite"],
    ] as const) {
      expect(await problem(api("POST", "/v1/messages", { body: withData(data) }))).toMatchObject({
        status,
        code,
      });
    }
  });

  test("B18 rounds numbers as JavaScript does", async () => {
    const lane = recordedQueue();
    await accepted(
      api("POST", "/v1/messages", {
        body: withData("[-0,90071992547409931234]"),
        bindings: { LANE_NORMAL: lane },
      }),
    );
    expect(lane.texts).toEqual([expect.stringContaining(`"data":[0,${Number("90071992547409931234")}]`)]);
  });

  test("B20 with a field that is not known is refused, and told which", async () => {
    expect(await problem(publish({ ...to("alice"), priorty: "low" }))).toMatchObject({
      status: 400,
      code: "invalid_body",
      errors: [{ path: "", message: "has unknown fields: priorty" }],
    });
  });

  test.each([99, "urgent", null, ["low"], "LOW"])("B21 with the priority %j is refused", async (priority) => {
    expect(await problem(publish({ ...to("alice"), priority }))).toMatchObject({
      status: 400,
      code: "invalid_body",
      errors: [{ path: "priority" }],
    });
  });

  test.each([-1, 1.5, "60", null, true])("B22 with a ttl of %j is refused", async (ttl) => {
    expect(await problem(publish({ ...to("alice"), ttl }))).toMatchObject({
      status: 400,
      errors: [{ path: "ttl" }],
    });
  });

  test("B22 with a ttl above the longest gets the longest, and is told so", async () => {
    expect(await accepted(publish({ ...to("b22"), ttl: 1e12 }))).toMatchObject({
      ttl: messageLimits.maxTtlSeconds,
    });
    expect(await accepted(publish({ ...to("b22"), ttl: 60 }))).toMatchObject({ ttl: 60 });
  });

  test("B22 with a ttl of 0 goes to who is connected and is kept for nobody", async () => {
    const device = await connect("b22-live");
    const receipt = await accepted(publish({ ...critical("b22-live", "b22-away"), ttl: 0, data: "now" }));
    expect(receipt).toEqual({
      id: expect.any(String),
      recipients: 2,
      state: "settled",
      ttl: 0,
      results: [
        { user: "b22-live", state: "live", devices: 1 },
        { user: "b22-away", state: "live", devices: 0 },
      ],
    });
    await device.until(() => device.all("live").length > 0);
    expect(await inboxOf("b22-live")).toEqual([]);
    device.close();
  });

  test.each([
    [[]],
    [undefined],
    [{}],
    ["alice"],
    [["alice"]],
    [{ user: "alice", users: ["bob"] }],
    [{ users: "alice" }],
  ])("B23 addressed to %j is refused", async (audience) => {
    const refused = await problem(publish({ to: audience, type: "note" }));
    expect(refused).toMatchObject({ status: 400, code: "invalid_body" });
    expect(refused.errors?.[0]?.path).toMatch(/^to\b/);
  });

  test("B23 to nobody, or to more than 10,000 together, is refused", async () => {
    expect(await problem(publish(to()))).toMatchObject({ status: 400, errors: [{ path: "to.users" }] });
    const many = Array.from({ length: 6_000 }, (_, index) => `user-${index}`);
    expect(await problem(publish({ messages: [to(...many), to(...many)] }))).toMatchObject({
      status: 400,
      errors: [{ path: "messages" }],
    });
  });

  test.each([
    "",
    "u".repeat(257),
    "../x",
    "a/b",
    "%2e%2e",
    "..",
    ".",
    "a\u0000b",
    "a\nb",
    "a\u202eb",
    "a\u200bb",
    "👩",
    "é",
  ])("B24 to the user %j is refused", async (user) => {
    for (const audience of [{ user }, { users: ["alice", user] }]) {
      const refused = await problem(publish({ to: audience, type: "note" }));
      expect(refused).toMatchObject({ status: 400, code: "invalid_body" });
    }
  });

  test("B27 to a user whose name has a megabyte is refused, and the name not repeated", async () => {
    const response = await publish(to("u".repeat(1_000_000)));
    const body = await response.text();
    expect(response.status).toBe(400);
    expect(body.length).toBeLessThan(1_000);
  });

  test("B28 to a pattern, or to a topic that is none, is refused", async () => {
    for (const topic of ["a.*", "a.**", "a..b", ".a", "", "x".repeat(300)]) {
      const refused = await problem(publish({ to: { topic }, type: "note" }));
      expect(refused).toMatchObject({ status: 400, code: "invalid_body" });
    }
  });

  test("B29 by a key without the scope is refused", async () => {
    const response = await publish(to("alice"), { credential: apiKeys.reader });
    expect(response.headers.get("WWW-Authenticate")).toBe(
      'Bearer error="insufficient_scope", scope="publish"',
    );
    expect(await problem(response)).toMatchObject({ status: 403, code: "insufficient_scope" });
  });

  test("B32 of a batch with one bad message is refused whole, and told which", async () => {
    const lane = recordedQueue();
    const messages = [to("alice"), { ...to("alice"), ttl: -1 }, { ...to("bob"), priority: "none" }];
    expect(await problem(publish({ messages }, { bindings: { LANE_NORMAL: lane } }))).toMatchObject({
      status: 400,
      code: "invalid_body",
      errors: [{ path: "messages[1].ttl" }, { path: "messages[2].priority" }],
    });
    expect(lane.texts).toEqual([]);
  });

  test("B32 of a batch in which an id stands twice is refused", async () => {
    const messages = [
      { ...to("alice"), id: "the-same-id" },
      to("alice"),
      { ...to("bob"), id: "the-same-id" },
    ];
    expect(await problem(publish({ messages }))).toMatchObject({
      status: 400,
      errors: [{ path: "messages[2].id" }],
    });
  });

  test("of many messages that are wrong is told twenty of the faults, and how many there are", async () => {
    const late = { ...to("b32"), deliverAt: Date.now() + 2 * messageLimits.maxDeliverAheadMs };
    const refused = await problem(publish({ messages: Array.from({ length: 500 }, () => late) }));
    expect(refused).toMatchObject({
      status: 400,
      code: "invalid_body",
      detail: "messages[0].deliverAt: is more than 30 days ahead (and 499 more)",
    });
    expect(refused.errors).toHaveLength(20);
    expect(await problem(publish(late))).toMatchObject({ detail: "deliverAt: is more than 30 days ahead" });
  });

  test("that is to come in its own place is refused, also where its id is made of an Idempotency-Key", async () => {
    const own = { ...to("b32"), id: "own-id-0001", replaces: "own-id-0001" };
    expect(await problem(publish(own))).toMatchObject({
      status: 400,
      code: "invalid_body",
      errors: [{ path: "replaces", message: "is the message's own id" }],
    });
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    const { id } = await accepted(publish(to("b32"), { headers }));
    expect(await problem(publish({ ...to("b32"), replaces: id }, { headers }))).toMatchObject({
      errors: [{ path: "replaces" }],
    });
  });

  test("B32 of a batch of nothing, or of more than a thousand messages, is refused", async () => {
    for (const count of [0, 1_001]) {
      const messages = Array.from({ length: count }, () => to("alice"));
      expect(await problem(publish({ messages }))).toMatchObject({
        status: 400,
        errors: [{ path: "messages" }],
      });
    }
  });

  test("B33 with line breaks in a string reaches the user, and no header and no second line of the log", async () => {
    const lines: string[] = [];
    const spies = (["info", "warn", "error"] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation((line) => lines.push(line)),
    );
    await accepted(publish({ ...critical("b33"), data: "a\r\nSet-Cookie: x" }));
    const refused = await publish({ ...to("a\r\nb"), "x\r\ny": 1 });
    for (const spy of spies) spy.mockRestore();
    expect([...refused.headers.keys()]).not.toContain("set-cookie");
    expect(lines.filter((line) => /[\r\n]/.test(line))).toEqual([]);
    expect(await inboxOf("b33")).toMatchObject([{ data: "a\r\nSet-Cookie: x" }]);
  });

  test.each(["HEAD", "OPTIONS", "GET", "PUT", "PATCH", "DELETE", "TRACE"])(
    "B34 by %s is not allowed",
    async (method) => {
      const response = await api(method, "/v1/messages", {
        headers: { Origin: "https://evil.example.com", "Access-Control-Request-Method": "POST" },
        bindings: {},
      });
      expect(response.status).toBe(405);
      expect(response.headers.get("Allow")).toBe("POST");
      expect([...response.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
    },
  );

  test("B35 to a URL above 8 kB is refused", async () => {
    const path = (bytes: number): string =>
      `/v1/messages?${"x".repeat(bytes - `${origin}/v1/messages?`.length)}`;
    expect(
      await problem(publish(to("alice"), {}).then(() => api("POST", path(8_193), { json: to("alice") }))),
    ).toMatchObject({
      status: 414,
      code: "url_too_long",
    });
    await accepted(api("POST", path(8_192), { json: to("b35") }));
  });
});
