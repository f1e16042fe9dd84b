/** How connections end, by themselves and by order, and how the object itself does. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { inboxLimits, socketLimits, tokenLimits } from "../../src/limits.ts";
import { forgedToken, tokenFor } from "../support/credentials.ts";
import { aUser, caughtUp, connect, dial, hubOf, leave } from "../support/device.ts";
import { listed } from "../support/everyone.ts";
import { idOf, message, messages, progress } from "../support/messages.ts";
import { alarmOf, dump, inside, pass, query, tablesOf } from "../support/storage.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

beforeEach(() => {
  vi.setSystemTime(Date.now());
});

afterEach(() => {
  vi.useRealTimers();
});

const wait = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);

describe("erasing", () => {
  test("leaves nothing of the user in storage but that it was done", async () => {
    const user = aUser();
    const device = await connect(user, {
      device: "canary-device",
      token: { id: "canary-token", singleUse: true },
    });
    const sent = message({ body: '"canary-body"', ...progressKey("canary-key"), id: idOf("canary-id") });
    await hubOf(user).deliver([sent, message()]);
    await hubOf(user).read({ ids: [sent.id] });
    await caughtUp(device, 2);
    for (const canary of ["canary-device", "canary-token", "canary-body", "canary-key", "canary-id"]) {
      expect(await dump(user)).toContain(canary);
    }
    const { epoch } = device.resume;
    expect(await hubOf(user).erase()).toEqual({ erased: 2 });
    expect(await device.closing()).toBe(4005);
    expect(await dump(user)).not.toContain("canary");
    expect(await dump(user)).not.toContain(epoch);
    expect(await query(user, "SELECT head, clock, erased_at, revoked_before FROM meta")).toEqual([
      { head: 0, clock: Date.now(), erased_at: Date.now(), revoked_before: Date.now() },
    ]);
    expect(await hubOf(user).presence()).toEqual({ online: false, head: 0, unread: 0, devices: [] });
  });

  test("refuses tokens from before, and lets the user begin anew", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(3));
    await device.until(() => device.cursor === 3);
    await hubOf(user).erase();
    const issued = Date.now();
    wait(1);
    const old = await dial(user, { resume: device.resume, token: { issued } });
    expect(await old.closing()).toBe(4005);
    const fresh = await connect(user, { resume: device.resume });
    expect(fresh.last("welcome")).toMatchObject({
      head: 0,
      from: 0,
      resumed: false,
      reason: "epoch",
      unread: 0,
    });
  });

  test("a user who is not known is remembered as erased", async () => {
    const user = aUser();
    expect(await hubOf(user).erase()).toEqual({ erased: 0 });
    expect(await alarmOf(user)).toBe(Date.now() + inboxLimits.dedupeHorizonMs);
  });
});

describe("disconnecting", () => {
  test("closes every connection, and the same token may come again", async () => {
    const user = aUser();
    const [laptop, phone] = [await connect(user), await connect(user, { device: "phone" })];
    expect(await hubOf(user).disconnect(false)).toEqual({ closed: 2 });
    expect([await laptop.closing(), await phone.closing()]).toEqual([4200, 4200]);
    expect((await connect(user, { token: { issued: Date.now() } })).closed).toBeUndefined();
  });

  test("with revocation refuses every token issued until then, for as long as one can be valid", async () => {
    const user = aUser();
    const device = await connect(user);
    expect(await hubOf(user).disconnect(true)).toEqual({ closed: 1 });
    expect(await device.closing()).toBe(4005);
    const revoked = Date.now();
    wait(1);
    const refused = await dial(user, { token: { issued: revoked } });
    expect(await refused.closing()).toBe(4005);
    expect(refused.frames.map(({ type }) => type)).toEqual(["bye"]);
    expect((await connect(user, { token: { issued: revoked + 1 } })).closed).toBeUndefined();
    expect([await hubOf(user).admits(revoked), await hubOf(user).admits(revoked + 1)]).toEqual([false, true]);
    expect(await hubOf(aUser()).admits(revoked)).toBe(true);
  });

  test("a revocation of a user who is not known is remembered for a token's lifetime, then the object goes", async () => {
    const user = aUser();
    await hubOf(user).disconnect(true);
    const lifetime = tokenLimits.maxLifetimeSeconds * 1_000 + tokenLimits.leewayMs;
    await pass(user, lifetime - 1);
    expect(await tablesOf(user)).not.toEqual([]);
    await pass(user, 1);
    expect(await tablesOf(user)).toEqual([]);
  });
});

describe("single-use tokens", () => {
  test("A19 open one connection; a copy of it that comes later is refused", async () => {
    const user = aUser();
    const token = { id: "token-1", singleUse: true };
    expect((await connect(user, { token })).closed).toBeUndefined();
    const replay = await dial(user, { device: "thief", token });
    expect(await replay.closing()).toBe(4004);
    expect(replay.frames).toEqual([{ type: "bye", code: 4004, reason: "token_replayed" }]);
  });

  test("A20 open one of twenty connections that ask at once", async () => {
    const user = aUser();
    const token = { id: "token-1", singleUse: true };
    const rivals = await Promise.all(
      Array.from({ length: 20 }, (_, index) => dial(user, { device: `rival-${index}`, token })),
    );
    await Promise.all(rivals.map((rival) => rival.until(() => rival.frames.length > 0)));
    const refused = rivals.filter((rival) => rival.frames[0]?.type !== "welcome");
    expect(refused).toHaveLength(19);
    for (const rival of refused) {
      expect(await rival.closing()).toBe(4004);
      expect(rival.last("bye").reason).toBe("token_replayed");
    }
    expect((await hubOf(user).presence()).devices.filter(({ online }) => online)).toHaveLength(1);
  });

  test("are forgotten once they have expired", async () => {
    const user = aUser();
    await hubOf(user).deliver([message()]);
    await connect(user, { token: { id: "token-1", singleUse: true } });
    expect(await query(user, "SELECT id FROM used_tokens")).toEqual([{ id: "token-1" }]);
    await pass(user, hour);
    await inside(user, (hub) => hub.alarm());
    expect(await query(user, "SELECT id FROM used_tokens")).toEqual([{ id: "token-1" }]);
    wait(tokenLimits.leewayMs);
    await inside(user, (hub) => hub.alarm());
    expect(await query(user, "SELECT id FROM used_tokens")).toEqual([]);
  });

  test("refresh a connection once, where the deployment says so", async () => {
    const user = aUser();
    const device = await connect(user);
    const token = await tokenFor(user);
    const restore = await inside(user, (hub) => {
      const settings: unknown = Reflect.get(hub, "env");
      const single = Object.assign({}, settings, { SINGLE_USE_TOKENS: "true" });
      Object.defineProperty(hub, "env", { configurable: true, value: single });
      return () => void Object.defineProperty(hub, "env", { configurable: true, value: settings });
    });
    expect(await device.ask({ type: "auth", token })).toMatchObject({ type: "ok" });
    expect(await device.ask({ type: "auth", token })).toMatchObject({ type: "error", code: "token_invalid" });
    restore();
  });
});

describe("connections that end by themselves", () => {
  test("one that never pings and says nothing is idle after 30 minutes", async () => {
    const user = aUser();
    const device = await connect(user);
    await pass(user, socketLimits.idleTimeoutMs - 1);
    await device.settled();
    await pass(user, socketLimits.idleTimeoutMs - 1);
    expect(device.closed).toBeUndefined();
    await pass(user, 1);
    expect(await device.closing()).toBe(4200);
  });

  test("one that has pinged and falls silent is found within 5 minutes, although its ping woke nobody", async () => {
    vi.useRealTimers();
    const user = aUser();
    const device = await connect(user);
    await evictDurableObject(hubOf(user));
    device.send("ping");
    await device.until(() => device.pongs === 1);
    const silentSince = Date.now();
    expect(await alarmOf(user)).toBeLessThanOrEqual(silentSince + socketLimits.silentTimeoutMs);
    vi.setSystemTime(silentSince);
    await pass(user, socketLimits.silentTimeoutMs - 1_000);
    expect(device.closed).toBeUndefined();
    await pass(user, 61_000);
    expect(await device.closing()).toBe(4202);
  });

  test("one whose window stays full is closed with 4101; an ack in time saves it", async () => {
    const user = aUser();
    const [saved, slow] = [await connect(user), await connect(user, { device: "slow" })];
    await hubOf(user).deliver(messages(70));
    await Promise.all([saved.until(() => saved.cursor === 64), slow.until(() => slow.cursor === 64)]);
    wait(socketLimits.stallTimeoutMs - 1);
    saved.ack(1);
    await saved.settled();
    await pass(user, 1);
    expect(await slow.closing()).toBe(4101);
    expect(saved.closed).toBeUndefined();
    await pass(user, socketLimits.stallTimeoutMs);
    expect(await saved.closing()).toBe(4101);
  });

  test("one whose token expires is asked for another 60 s before, once, and closed when it does", async () => {
    const user = aUser();
    const expires = Date.now() + 10 * minute;
    const device = await connect(user, { token: { expires } });
    await pass(user, 9 * minute - 1);
    await device.settled();
    expect(device.all("reauth")).toEqual([]);
    await pass(user, 1);
    await pass(user, 30_000);
    await device.settled();
    expect(device.all("reauth")).toEqual([{ type: "reauth", expires }]);
    await hubOf(user).deliver(messages(1));
    await device.until(() => device.cursor === 1);
    wait(30_000);
    // The alarm is late; whatever happens now, the connection hears nothing of it.
    await hubOf(user).read({ upTo: 1 });
    await hubOf(user).deliver([message(), message({ live: true })]);
    expect(await device.closing()).toBe(4201);
    expect(device.cursor).toBe(1);
    expect([...device.all("live"), ...device.all("state")]).toEqual([]);
  });

  test("a fresh token in time keeps it, and is asked for again in its turn", async () => {
    const user = aUser();
    const device = await connect(user, { token: { expires: Date.now() + 10 * minute } });
    await pass(user, 9 * minute);
    await device.until(() => device.all("reauth").length === 1);
    await device.ask({ type: "auth", token: await tokenFor(user, { lifetimeSeconds: 20 * 60 }) });
    await pass(user, 10 * minute);
    await device.settled();
    await pass(user, 9 * minute);
    await device.until(() => device.all("reauth").length === 2);
    expect(device.closed).toBeUndefined();
  });

  test("one that came inside the leeway of its token ends with the leeway", async () => {
    const user = aUser();
    const device = await connect(user, { token: { expires: Date.now() - 1_000 } });
    expect(device.last("welcome").expires).toBe(Date.now() - 1_000);
    await pass(user, 0);
    await device.until(() => device.all("reauth").length === 1);
    await pass(user, tokenLimits.leewayMs - 1_001);
    await device.settled();
    await pass(user, 1);
    expect(await device.closing()).toBe(4201);
  });

  test("a token that says a device is good for that one", async () => {
    const user = aUser();
    const device = await connect(user);
    const claims = { sub: user, device: "laptop" };
    expect(await device.ask({ type: "auth", token: await forgedToken({ claims }) })).toMatchObject({
      type: "ok",
    });
  });

  test("one that the runtime has closed for an error of its own ends like any other", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(2));
    await caughtUp(device, 2);
    await inside(user, async (hub, state) => {
      for (const socket of state.getWebSockets()) await hub.webSocketError(socket);
    });
    expect(await device.closing()).toBe(1011);
    expect(await hubOf(user).presence()).toMatchObject({ online: false, devices: [{ cursor: 2 }] });
  });

  test("a token that is refused after the connection has ended is answered to nobody", async () => {
    const user = aUser();
    const device = await connect(user);
    device.send({ type: "auth", token: await tokenFor(user), ref: "late" });
    device.close(1000);
    await device.closing();
    expect((await hubOf(user).presence()).online).toBe(false);
    expect(device.all("error")).toEqual([]);
  });

  test("when the last one has ended and nothing is stored, the object lingers a day and goes", async () => {
    const user = aUser();
    const device = await connect(user);
    await leave(device);
    const left = Date.now();
    await pass(user, hour);
    expect(await alarmOf(user)).toBe(left + inboxLimits.lingerMs);
    expect(await hubOf(user).presence()).toMatchObject({ devices: [{ lastSeen: left }] });
    await pass(user, day - hour);
    expect(await tablesOf(user)).toEqual([]);
    expect(await alarmOf(user)).toBeNull();
    expect(await hubOf(user).presence()).toEqual({ online: false, head: 0, unread: 0, devices: [] });
  });
});

function progressKey(key: string) {
  const { collapseKey } = progress(1, key);
  return collapseKey === undefined ? {} : { collapseKey };
}

test("a connection that another version of the hub left behind is sent home, and comes back", async () => {
  const user = aUser();
  const device = await connect(user);
  await listed(user);
  await inside(user, (_, state) => {
    for (const socket of state.getWebSockets()) socket.serializeAttachment({ of: "another version" });
  });
  await evictDurableObject(hubOf(user), { webSockets: "hibernate" });
  await hubOf(user).presence();
  expect(await device.closing()).toBe(4200);
});
