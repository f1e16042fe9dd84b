/** Section C of the test matrix: what clients may say on their sockets, and what they hear when it makes no sense. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { requestLimits, socketLimits } from "../../src/limits.ts";
import { forgedToken, providerToken, tokenFor } from "../support/credentials.ts";
import { aUser, connect, dial, hubOf, upgrade } from "../support/device.ts";
import { message, messages } from "../support/messages.ts";
import { breakStatements, fates, inside, pass } from "../support/storage.ts";

afterEach(() => {
  vi.useRealTimers();
});

const bye = (code: number, reason: string) => ({ type: "bye", code, reason });

describe("texts", () => {
  test("C1 what was no UTF-8 and was replaced by the runtime is refused, not taken for a name", async () => {
    const device = await connect(aUser());
    device.send('{"type":"read","ids":["message-\uFFFD"]}');
    await device.settled();
    expect(device.last("error").code).toBe("invalid_utf8");
    expect(device.closed).toBeUndefined();
  });

  test("C2 a binary frame closes with 1003", async () => {
    const device = await connect(aUser());
    device.send(new Uint8Array([1, 2, 3]).buffer);
    expect(await device.closing()).toBe(1003);
    expect(device.last("bye")).toEqual(bye(1003, "unsupported_data"));
  });

  test.each([
    ["", "bad_json"],
    ["   ", "bad_json"],
    ["{", "bad_json"],
    ["[]", "bad_frame"],
    ["1", "bad_frame"],
    ['"x"', "bad_frame"],
    ["null", "bad_frame"],
    ["{}", "bad_frame"],
    ['{"type":1}', "bad_frame"],
    ['{"type":"ack","seq":1}', "bad_frame"],
  ])("C3 the text %j is answered with %s", async (text, code) => {
    const device = await connect(aUser());
    device.send(text);
    await device.settled();
    expect(device.all("error").map((error) => error.code)).toEqual([code]);
    expect(device.closed).toBeUndefined();
  });

  test("C3 ten bad frames in a row close with 4000; a good one in between forgives", async () => {
    const device = await connect(aUser());
    for (let round = 1; round < socketLimits.maxBadFrames; round += 1) device.send("{");
    await device.settled();
    for (let round = 1; round < socketLimits.maxBadFrames; round += 1) device.send("{");
    await device.settled();
    expect(device.all("error")).toHaveLength(2 * (socketLimits.maxBadFrames - 1));
    for (let round = 0; round < socketLimits.maxBadFrames; round += 1) device.send("{");
    expect(await device.closing()).toBe(4000);
    expect(device.all("error")).toHaveLength(3 * socketLimits.maxBadFrames - 2);
  });

  test("C5 8 KiB are read, one byte more closes with 1009, also where characters take several bytes", async () => {
    const frame = (filler: string) => JSON.stringify({ type: "read", ref: "r", upTo: 0, filler });
    const room = socketLimits.maxClientFrameBytes - frame("").length;
    const device = await connect(aUser());
    device.send(frame("x".repeat(room)));
    await device.until(() => device.all("ok").length === 1);
    device.send(frame("x".repeat(room + 1)));
    expect(await device.closing()).toBe(1009);

    const other = await connect(aUser());
    other.send(frame("€".repeat(Math.floor(room / 3))));
    await other.until(() => other.all("ok").length === 1);
    other.send(frame("€".repeat(Math.floor(room / 3) + 1)));
    expect(await other.closing()).toBe(1009);
  });
});

describe("closing", () => {
  test.each([
    [4001, "bye", 4001],
    [1000, "", 1000],
    [undefined, undefined, 1005],
  ])("C10 a close with %s is answered, and the socket is gone", async (code, reason, answered) => {
    const user = aUser();
    const device = await connect(user);
    device.close(code, reason);
    const closed = await device.closing();
    expect([answered, 1000]).toContain(closed);
    expect(await inside(user, (_, state) => state.getWebSockets().length)).toBe(0);
    expect(await hubOf(user).presence()).toMatchObject({ online: false, devices: [{ online: false }] });
  });

  test("C10 also when the object slept meanwhile", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(2));
    await device.settled();
    device.ack();
    await device.settled();
    await evictDurableObject(hubOf(user));
    device.close(4001, "bye");
    expect(await device.closing()).toBe(4001);
    expect(await hubOf(user).presence()).toMatchObject({ online: false, devices: [{ cursor: 2 }] });
  });
});

describe("acknowledgements", () => {
  test("C15 a flood of acks is closed with 4102, and the cursor is right", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(50));
    await device.until(() => device.cursor === 50);
    for (let round = 0; round < 1_000; round += 1) device.ack(Math.min(50, round));
    expect(await device.closing()).toBe(4102);
    expect(device.last("bye")).toEqual({ ...bye(4102, "rate_limited"), retryAfter: 1_000 });
    expect(await hubOf(user).presence()).toMatchObject({ online: false, devices: [{ cursor: 50 }] });
  });

  test("C15 a device that acknowledges each message is never too fast, however many come", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(400));
    for (let seq = 1; seq <= 400; seq += 1) {
      await device.until(() => device.cursor >= seq);
      device.ack(seq);
    }
    await device.settled();
    expect(device.closed).toBeUndefined();
    expect(await hubOf(user).presence()).toMatchObject({ online: true, devices: [{ cursor: 400 }] });
    device.close(1000);
    await device.closing();
  });

  test("C15 a steady rate of frames goes on for ever", async () => {
    const device = await connect(aUser());
    for (let round = 0; round < 5; round += 1) {
      for (let frame = 0; frame < 90; frame += 1) device.ack(0);
      await device.settled();
      vi.setSystemTime(Date.now() + 1_000);
    }
    expect(device.closed).toBeUndefined();
  });

  test.each([[3], [1.5], [-1], ["2"], [null], [Number.MAX_SAFE_INTEGER], [{ seq: 1 }]])(
    "C16 an ack of %j is answered, the second time closed with 4000; nothing is deleted",
    async (seq) => {
      const user = aUser();
      const device = await connect(user);
      await hubOf(user).deliver(messages(2));
      await device.settled();
      const { epoch } = device.resume;
      expect(await device.ask({ type: "ack", epoch, seq })).toMatchObject({ type: "error", code: "bad_ack" });
      device.ack(2);
      await device.settled();
      device.send({ type: "ack", epoch, seq });
      expect(await device.closing()).toBe(4000);
      expect([...(await fates(user))]).toEqual([
        [1, null],
        [2, null],
      ]);
      expect(await hubOf(user).presence()).toMatchObject({ devices: [{ cursor: 2 }] });
    },
  );

  test("C17 an ack that is lower, equal or repeated changes nothing", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(5));
    await device.until(() => device.cursor === 5);
    for (const seq of [4, 4, 2, 0, 4]) {
      expect(await device.ask({ type: "ack", epoch: device.resume.epoch, seq })).toMatchObject({
        type: "ok",
      });
    }
    expect(await hubOf(user).presence()).toMatchObject({
      devices: [{ cursor: 4, connection: { sent: 5, inFlight: 1, state: "syncing" } }],
    });
    expect(device.arrivals.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });

  test("C17 an ack of what was not sent yet counts for what was", async () => {
    const user = aUser();
    await hubOf(user).deliver(messages(100));
    const device = await connect(user);
    await device.until(() => device.cursor === 64);
    device.ack(100);
    await device.until(() => device.cursor === 100);
    expect(await hubOf(user).presence()).toMatchObject({
      devices: [{ cursor: 64, connection: { sent: 100 } }],
    });
  });

  test("C18 an ack of another epoch is closed with 4203", async () => {
    const device = await connect(aUser());
    device.send({ type: "ack", epoch: "another", seq: 0 });
    expect(await device.closing()).toBe(4203);
    expect(device.last("bye").reason).toBe("resync");
  });
});

describe("a fresh token", () => {
  test("C22 of another user closes with 4003", async () => {
    const device = await connect(aUser());
    device.send({ type: "auth", token: await tokenFor("somebody-else") });
    expect(await device.closing()).toBe(4003);
  });

  test("C22 for another device of the same user closes with 4003", async () => {
    const user = aUser();
    const device = await connect(user, { device: "laptop" });
    device.send({ type: "auth", token: await forgedToken({ claims: { sub: user, device: "phone" } }) });
    expect(await device.closing()).toBe(4003);
  });

  test("C23 replaces the expiry, be it later or earlier", async () => {
    const user = aUser();
    const device = await connect(user, { token: { expires: Date.now() + 10 * 60_000 } });
    const long = await tokenFor(user);
    expect(await device.ask({ type: "auth", token: long })).toMatchObject({ type: "ok" });
    await pass(user, 15 * 60_000);
    await device.settled();
    expect(device.closed).toBeUndefined();

    const short = await providerToken({
      now: Date.now(),
      claims: { sub: user, exp: Math.floor(Date.now() / 1_000) + 120 },
    });
    expect(await device.ask({ type: "auth", token: short })).toMatchObject({ type: "ok" });
    await pass(user, 90_000);
    await device.until(() => device.all("reauth").length === 1);
    await pass(user, 31_000);
    expect(await device.closing()).toBe(4201);
  });

  test.each([
    ["expired long ago", async (user: string) => tokenFor(user, { now: Date.now() - 2 * 3_600_000 })],
    ["signed by nobody", async () => "not.a.token"],
    [
      "signed with another key",
      async (user: string) =>
        forgedToken({
          key: new TextEncoder().encode("another-secret-of-32-bytes-or-so"),
          claims: { sub: user },
        }),
    ],
  ])("C23 that is %s is refused, and the old one stays", async (_, make) => {
    const user = aUser();
    const device = await connect(user, { token: { expires: Date.now() + 10 * 60_000 } });
    const answer = await device.ask({ type: "auth", token: await make(user) });
    expect(answer).toMatchObject({ type: "error", code: "token_invalid" });
    await pass(user, 9 * 60_000 + 1);
    await device.until(() => device.all("reauth").length === 1);
    await pass(user, 60_000);
    expect(await device.closing()).toBe(4201);
  });

  test("C23 issued before the user was revoked closes with 4005", async () => {
    const user = aUser();
    const old = await tokenFor(user);
    vi.setSystemTime(Date.now() + 1_000);
    await hubOf(user).disconnect(true);
    vi.setSystemTime(Date.now() + 1_000);
    const device = await connect(user);
    device.send({ type: "auth", token: old });
    expect(await device.closing()).toBe(4005);
  });
});

describe("reading", () => {
  test("C25 ten thousand ids don't fit a frame", async () => {
    const device = await connect(aUser());
    device.send({ type: "read", ids: Array.from({ length: 10_000 }, (_, index) => `message-${index}`) });
    expect(await device.closing()).toBe(1009);
  });

  test("C25 more ids than a read may name are too many", async () => {
    const device = await connect(aUser());
    const ids = Array.from({ length: requestLimits.maxReadIds + 1 }, () => "");
    expect(await device.ask({ type: "read", ids })).toMatchObject({ type: "error", code: "too_many" });
  });

  test("a read names either ids or a number, not both and not neither", async () => {
    const device = await connect(aUser());
    const both = await device.ask({ type: "read", ids: ["message-1"], upTo: 1 });
    const neither = await device.ask({ type: "read" });
    expect([both, neither]).toMatchObject([{ code: "bad_frame" }, { code: "bad_frame" }]);
  });
});

describe("faults of the hub", () => {
  test("C27 a handler that fails answers so; the object and the other sockets go on", async () => {
    const user = aUser();
    const [device, other] = [await connect(user), await connect(user, { device: "phone" })];
    const sent = message();
    await hubOf(user).deliver([sent]);
    const repair = await breakStatements(user, /UPDATE messages SET read/);
    expect(await device.ask({ type: "read", ids: [sent.id] })).toMatchObject({
      type: "error",
      code: "internal",
    });
    await other.settled();
    expect(other.all("state")).toEqual([]);
    repair();
    expect(await device.ask({ type: "read", ids: [sent.id] })).toMatchObject({ type: "ok" });
    await other.settled();
    expect(other.all("state")).toMatchObject([{ unread: 0 }]);
    expect([device.closed, other.closed]).toEqual([undefined, undefined]);
  });
});

describe("devices", () => {
  test("C28 a device id means nothing beyond its user", async () => {
    const [alice, bob] = [aUser(), aUser()];
    const [hers, his] = [await connect(alice, { device: "phone" }), await connect(bob, { device: "phone" })];
    await hubOf(alice).deliver(messages(3));
    await hers.until(() => hers.cursor === 3);
    await his.settled();
    expect(his.arrivals).toEqual([]);
    expect(his.closed).toBeUndefined();
  });

  test("C28 a device that the edge would not let in is not let in by the object either", async () => {
    const request = new Request("https://user-hub/connect", {
      headers: { Upgrade: "websocket", "hubbub-connect": JSON.stringify({ device: "../x" }) },
    });
    const user = aUser();
    const thrown = await inside(user, (hub) => hub.fetch(request).then(String, String));
    expect(thrown).toContain("must be 1 to 128 characters");
    expect(await inside(user, (_, state) => state.getWebSockets().length)).toBe(0);
  });

  test("C29 past the limit a further device is refused with 4006, one of those connected may come again", async () => {
    const user = aUser();
    const count = socketLimits.maxPerUser;
    const devices = await Promise.all(
      Array.from({ length: count }, (_, index) => connect(user, { device: `device-${index}` })),
    );
    const further = await dial(user, { device: "one-too-many" });
    expect(await further.closing()).toBe(4006);
    expect(further.all("welcome")).toEqual([]);

    const again = await connect(user, { device: "device-7" });
    expect(again.closed).toBeUndefined();
    expect(await devices[7]?.closing()).toBe(4007);
    expect((await hubOf(user).presence()).devices.filter(({ online }) => online)).toHaveLength(count);
  }, 30_000);

  test("C30 the same device elsewhere replaces the old connection, for good", async () => {
    const user = aUser();
    const old = await connect(user);
    const fresh = await connect(user);
    expect(await old.closing()).toBe(4007);
    expect(old.last("bye")).toEqual(bye(4007, "replaced"));
    await hubOf(user).deliver(messages(1));
    await fresh.until(() => fresh.cursor === 1);
    expect(old.arrivals).toEqual([]);
    expect(await hubOf(user).presence()).toMatchObject({ online: true, devices: [{ device: "laptop" }] });
  });
});

describe("neighbours", () => {
  test("an unknown type is answered with its ref, and unknown fields are ignored", async () => {
    const device = await connect(aUser());
    expect(await device.ask({ type: "dance" })).toMatchObject({ type: "error", code: "unknown_type" });
    expect(await device.ask({ type: "read", upTo: 0, mood: "good" })).toMatchObject({ type: "ok" });
  });

  test("frames with a ref are answered, those without are not", async () => {
    const user = aUser();
    const device = await connect(user);
    device.send({ type: "ack", epoch: device.resume.epoch, seq: 0 });
    device.send({ type: "read", upTo: 0 });
    device.send({ type: "auth", token: await tokenFor(user) });
    expect(await device.ask({ type: "ack", epoch: device.resume.epoch, seq: 0 })).toMatchObject({
      type: "ok",
    });
    expect(device.all("ok")).toHaveLength(1);
  });

  test("a ref of more than 64 characters is refused and not repeated", async () => {
    const device = await connect(aUser());
    device.send({ type: "read", upTo: 0, ref: "r".repeat(65) });
    await device.settled();
    const error = device.last("error");
    expect(error.code).toBe("bad_frame");
    expect(error).not.toHaveProperty("ref");
  });

  test("the subprotocol is selected where it was offered, and only there", async () => {
    const offered = await upgrade(aUser(), { subprotocol: true });
    const silent = await upgrade(aUser(), { subprotocol: false });
    expect(offered.headers.get("Sec-WebSocket-Protocol")).toBe("hubbub.v1");
    expect(silent.headers.get("Sec-WebSocket-Protocol")).toBeNull();
    for (const { webSocket } of [offered, silent]) {
      webSocket?.accept();
      webSocket?.close();
    }
  });

  test("what a closed connection still says is not heard", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(1));
    await device.settled();
    const closing = hubOf(user).disconnect(false);
    device.send({ type: "read", upTo: 1 });
    await closing;
    expect(await device.closing()).toBe(4200);
    device.close();
    expect((await hubOf(user).presence()).online).toBe(false);
  });

  test("after its token has expired a connection is closed at its next word, if the alarm is late", async () => {
    const user = aUser();
    const device = await connect(user);
    vi.setSystemTime(Date.now() + 3_600_000);
    device.send({ type: "read", upTo: 0 });
    expect(await device.closing()).toBe(4201);
  });
});
