/** Section D of the test matrix, D5 to D18: whatever fails, each device gets every number once and in order. */
import { evictDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { aUser, connect, hubOf } from "../support/device.ts";
import { message, messages, progress } from "../support/messages.ts";
import { breakStatements, fates, faultOf, inside, pass, query } from "../support/storage.ts";
import { committed, duplicate, ids, seqs, upTo } from "../support/stream.ts";

const day = 24 * 3_600_000;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("faults of the object", () => {
  test("D5 a fault before anything is written leaves nothing, and the copy commits", async () => {
    const user = aUser();
    const device = await connect(user);
    const sent = messages(3);
    const repair = await breakStatements(user, /WHERE id = \?/);
    expect(await faultOf(user, (hub) => hub.deliver(sent))).toContain("SQLITE_FULL");
    repair();
    expect(await query(user, "SELECT seq FROM messages")).toEqual([]);
    expect((await hubOf(user).deliver(sent)).verdicts).toEqual(committed([1, 2, 3]));
    await device.until(() => device.cursor === 3);
  });

  test("D5 a fault in the middle of a batch takes back the whole batch, and no device hears of it", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver([progress(1)]);
    const sent = [message(), progress(2), message(), message()];
    const repair = await breakStatements(user, /INSERT INTO messages/, 2);
    expect(await faultOf(user, (hub) => hub.deliver(sent))).toContain("SQLITE_FULL");
    repair();
    await device.settled();
    expect(seqs(device)).toEqual([1]);
    expect([...(await fates(user))]).toEqual([[1, null]]);
    expect(await hubOf(user).presence()).toMatchObject({ head: 1, unread: 1 });
    expect((await hubOf(user).deliver(sent)).verdicts).toEqual(committed([2, 3, 4, 5]));
    await device.until(() => device.cursor === 5);
    expect([...(await fates(user))]).toEqual([
      [1, "collapsed"],
      [2, null],
      [3, null],
      [4, null],
      [5, null],
    ]);
  });

  test("D5 a fault after the commit: the copy is a duplicate, and brings to the devices what they were not told", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(70));
    await device.until(() => device.cursor === 64);
    const sent = messages(2);
    // What was acknowledged lets the connection go on, from storage.
    const repair = await breakStatements(user, /WHERE seq > \? ORDER BY seq$/);
    device.ack();
    await device.until(() => device.all("error").length === 1);
    expect(await faultOf(user, (hub) => hub.deliver(sent))).toContain("SQLITE_FULL");
    repair();
    expect((await hubOf(user).deliver(sent)).verdicts).toEqual(duplicate([71, 72]));
    await device.until(() => device.cursor === 72);
    expect(seqs(device)).toEqual(upTo(72));
  });

  test("D6 the death of an object drops the connections of its user only, and resuming fills the gap", async () => {
    const [alice, bob] = [aUser(), aUser()];
    const [laptop, phone] = [await connect(alice), await connect(alice, { device: "phone" })];
    const his = await connect(bob);
    await hubOf(alice).deliver(messages(2));
    await Promise.all([laptop.until(() => laptop.cursor === 2), phone.until(() => phone.cursor === 2)]);
    await inside(alice, (_, state) => state.abort("the machine is gone")).catch(() => undefined);
    expect([await laptop.closing(), await phone.closing()]).toEqual([1006, 1006]);
    await hubOf(alice).deliver(messages(3));
    const again = await connect(alice, { resume: laptop.resume });
    await again.until(() => again.cursor === 5);
    expect(again.last("welcome")).toMatchObject({ from: 2, resumed: true });
    expect(seqs(again)).toEqual([3, 4, 5]);
    await his.settled();
    expect(his.closed).toBeUndefined();
  });

  test("D8 an object that slept between sending and the ack takes the ack, and sends nothing again", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(3));
    await device.until(() => device.cursor === 3);
    await evictDurableObject(hubOf(user));
    device.ack(2);
    await hubOf(user).deliver(messages(1));
    await device.until(() => device.cursor === 4);
    expect(seqs(device)).toEqual([1, 2, 3, 4]);
    expect(await hubOf(user).presence()).toMatchObject({
      devices: [{ cursor: 2, connection: { sent: 4, inFlight: 2 } }],
    });
  });

  test("D9 an object that is moved closes with 1006, and devices resume", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(3));
    await device.until(() => device.cursor === 3);
    await evictDurableObject(hubOf(user), { webSockets: "close" });
    expect(await device.closing()).toBe(1006);
    await hubOf(user).deliver(messages(1));
    const again = await connect(user, { resume: device.resume });
    await again.until(() => again.cursor === 4);
    expect(seqs(again)).toEqual([4]);
  });
});

describe("resuming", () => {
  test("D10 a client that saw 3 of 5 resumes after 3", async () => {
    const user = aUser();
    const sent = messages(5);
    const device = await connect(user);
    await hubOf(user).deliver(sent);
    await device.until(() => device.cursor === 5);
    device.close(1000);
    const again = await connect(user, { resume: { ...device.resume, seq: 3 } });
    await again.until(() => again.cursor === 5);
    expect(again.arrivals.map(({ what }) => what)).toEqual(ids(sent.slice(3)));
  });

  test("D11 a client whose ack was lost is believed, and gets nothing twice", async () => {
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(5));
    await device.until(() => device.cursor === 5);
    device.close(1000);
    const again = await connect(user, { resume: device.resume });
    await again.settled();
    expect(again.arrivals).toEqual([]);
    expect(again.last("welcome")).toMatchObject({ from: 5, head: 5, resumed: true });
    expect(again.last("welcome")).not.toHaveProperty("reason");
  });

  test("D12 a client that had not saved its cursor gets the message once more, under the same id", async () => {
    const user = aUser();
    const [sent] = messages(1);
    const device = await connect(user);
    await hubOf(user).deliver(sent === undefined ? [] : [sent]);
    await device.until(() => device.cursor === 1);
    device.ack(1);
    await device.settled();
    device.close(1000);
    const again = await connect(user, { resume: { ...device.resume, seq: 0 } });
    await again.until(() => again.cursor === 1);
    expect(again.arrivals).toEqual(device.arrivals);
  });

  test("D13 a client that lost its storage gets all that is kept", async () => {
    const user = aUser();
    await hubOf(user).deliver(messages(5));
    const device = await connect(user);
    await device.until(() => device.cursor === 5);
    expect(device.last("welcome")).toMatchObject({
      from: 0,
      resumed: false,
      reason: "new",
      head: 5,
      floor: 0,
    });
    expect(seqs(device)).toEqual(upTo(5));
  });

  test("D14 a cursor older than what is kept gets one gap up to there, be the rows swept or trimmed", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const device = await connect(user);
    await hubOf(user).deliver(messages(4));
    await device.until(() => device.cursor === 4);
    device.close(1000);
    const resume = { ...device.resume, seq: 1 };
    for (const away of [8 * day, 30 * day]) {
      await pass(user, away);
      await hubOf(user).deliver([message()]);
      const again = await connect(user, { resume });
      await again.settled();
      const { floor, head } = again.last("welcome");
      expect(floor).toBe(head - 1);
      expect(again.last("welcome")).toMatchObject({ from: 1, resumed: true });
      expect(again.all("gap")).toEqual([{ type: "gap", from: 2, to: floor, reason: "expired" }]);
      expect(seqs(again)).toEqual(upTo(head, 2));
      again.close(1000);
    }
    expect((await fates(user)).has(1)).toBe(false);
  });

  test("D15 a cursor of another epoch means nothing: everything again, and the client is told why", async () => {
    const user = aUser();
    await hubOf(user).deliver(messages(3));
    const device = await connect(user, { resume: { epoch: "another", seq: 2 } });
    await device.until(() => device.cursor === 3);
    expect(device.last("welcome")).toMatchObject({ from: 0, resumed: false, reason: "epoch" });
  });

  test("D15 a cursor beyond the head proves that storage went back: a new epoch, for every device", async () => {
    const user = aUser();
    const other = await connect(user, { device: "phone" });
    await hubOf(user).deliver(messages(3));
    await other.until(() => other.cursor === 3);
    const { epoch } = other.resume;
    const device = await connect(user, { resume: { epoch, seq: 4 } });
    await device.until(() => device.cursor === 3);
    expect(device.last("welcome")).toMatchObject({ from: 0, resumed: false, reason: "storage" });
    expect(device.last("welcome").epoch).not.toBe(epoch);
    expect(await other.closing()).toBe(4203);
    const again = await connect(user, { device: "phone", resume: other.resume });
    expect(again.last("welcome")).toMatchObject({ reason: "epoch", epoch: device.last("welcome").epoch });
  });
});

describe("order", () => {
  test("D17 what is published while a device catches up comes in its turn", async () => {
    const user = aUser();
    await hubOf(user).deliver(messages(300));
    const device = await connect(user, { acks: true });
    for (let round = 0; round < 20; round += 1) await hubOf(user).deliver(messages(5));
    await device.until(() => device.cursor === 400);
    expect(seqs(device)).toEqual(upTo(400));
  });

  test("D17 the same where deliveries run at once", async () => {
    const user = aUser();
    const device = await connect(user, { acks: true });
    const results = await Promise.all(Array.from({ length: 50 }, () => hubOf(user).deliver(messages(4))));
    const given = results.flatMap(({ verdicts }) =>
      verdicts.map((verdict) => "seq" in verdict && verdict.seq),
    );
    expect(given.sort((a, b) => Number(a) - Number(b))).toEqual(upTo(200));
    await device.until(() => device.cursor === 200);
    expect(seqs(device)).toEqual(upTo(200));
  });

  test("D18 a device that was away for three days gets exactly what it missed, the other one nothing twice", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const [laptop, phone] = [await connect(user), await connect(user, { device: "phone" })];
    const before = messages(2);
    await hubOf(user).deliver(before);
    await Promise.all([laptop.until(() => laptop.cursor === 2), phone.until(() => phone.cursor === 2)]);
    phone.close(1000);
    await phone.closing();
    const missed = messages(10);
    await hubOf(user).deliver(missed);
    await laptop.until(() => laptop.cursor === 12);
    laptop.close(1000);
    await pass(user, 3 * day);
    const [laptopAgain, phoneAgain] = [
      await connect(user, { resume: laptop.resume }),
      await connect(user, { device: "phone", resume: phone.resume }),
    ];
    await Promise.all([laptopAgain.settled(), phoneAgain.settled()]);
    expect(phoneAgain.arrivals.map(({ what }) => what)).toEqual(ids(missed));
    expect(laptopAgain.arrivals).toEqual([]);
  });
});
