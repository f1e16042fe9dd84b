/**
 * Any sequence of what can happen to the object of a user, against a simple model of it: after each step
 * storage, connections, alarm and what the devices got are looked at. A failure prints its seed and steps.
 */
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { deadLettersName } from "../../src/lanes/dead-letter.ts";
import { deadKey } from "../../src/lanes/dead-record.ts";
import { collapseKey } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import { priorities } from "../../src/protocol/priority.ts";
import { aUser, connect, type Device, dial, hubOf } from "../support/device.ts";
import { eventually } from "../support/eventually.ts";
import { agree, HubModel } from "../support/hub-model.ts";
import { message } from "../support/messages.ts";
import { seqs, upTo } from "../support/stream.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The object under test, and what its publisher and its devices remember. */
interface Real {
  readonly user: ReturnType<typeof aUser>;
  readonly published: AcceptedMessage[];
  /** The last connection of each device, open or not. */
  readonly devices: Map<string, Device>;
}

type Act = (model: HubModel, real: Real) => Promise<void>;

function step(label: string, act: Act): fc.AsyncCommand<HubModel, Real> {
  return {
    check: () => true,
    run: async (model, real) => {
      await act(model, real);
      await agree(model, real.user, Date.now());
    },
    toString: () => label,
  };
}

const deviceName = fc.constantFrom("laptop", "phone", "tablet");

const draft = fc.record({
  priority: fc.constantFrom(...priorities),
  lifetimeMs: fc.constantFrom(minute, hour, 7 * day, 7 * day, 7 * day),
  key: fc.option(fc.constantFrom("build-7", "build-8"), { nil: undefined, freq: 3 }),
  bytes: fc.constantFrom(2, 2, 2, 2, 60_000),
});
type Draft = typeof draft extends fc.Arbitrary<infer Value> ? Value : never;

function written({ priority, lifetimeMs, key, bytes }: Draft): AcceptedMessage {
  return message({
    priority,
    expires: Date.now() + lifetimeMs,
    body: JSON.stringify("x".repeat(bytes)),
    ...(key === undefined ? {} : { collapseKey: collapseKey.parse(key) }),
  });
}

async function deliver(model: HubModel, { user }: Real, list: readonly AcceptedMessage[]): Promise<void> {
  const expected = list.map((each) => model.commit(each, Date.now()));
  expect((await hubOf(user).deliver(list)).verdicts).toEqual(expected);
}

const publish = fc.array(draft, { minLength: 1, maxLength: 5 }).map((drafts) =>
  step(
    `publish ${drafts.map(({ priority, key = "", bytes }) => `${priority} ${key} ${bytes}`).join(", ")}`,
    async (model, real) => {
      const list = drafts.map(written);
      real.published.push(...list);
      await deliver(model, real, list);
    },
  ),
);

const flood = fc.constantFrom(20, 70, 150).map((count) =>
  step(`publish ${count}`, async (model, real) => {
    const list = Array.from({ length: count }, () => message({ priority: "low" }));
    real.published.push(...list);
    await deliver(model, real, list);
  }),
);

const redeliver = fc.array(fc.nat(), { minLength: 1, maxLength: 3 }).map((picks) =>
  step(`redeliver ${picks.join(", ")}`, async (model, real) => {
    const again = picks.flatMap((pick) => real.published.at(pick % Math.max(1, real.published.length)) ?? []);
    await deliver(model, real, again);
  }),
);

const conflict = fc.nat().map((pick) =>
  step(`conflict ${pick}`, async (model, real) => {
    const known = real.published.at(pick % Math.max(1, real.published.length));
    // As long as the first, a conflict is only seen while the first is there to compare with.
    if (known !== undefined) await deliver(model, real, [{ ...known, body: `${known.body} ` }]);
  }),
);

// Not through the low lane, which lets a batch gather for a second.
const redrive = draft
  .filter(({ priority }) => priority !== "low")
  .map((drafted) =>
    step(`redrive ${drafted.priority} ${drafted.key ?? ""} ${drafted.bytes}`, async (model, real) => {
      // Accepted after any erasure, so that it is stored, which can be waited for.
      vi.setSystemTime(Date.now() + 1);
      const { user, published } = real;
      const dead = written(drafted);
      published.push(dead);
      const letters = env.DEAD_LETTERS.getByName(deadLettersName);
      const key = deadKey(dead, user);
      await letters.store([
        { message: dead, users: [user], reason: "inbox_full", attempts: 1, error: "", at: Date.now() },
      ]);
      const once = { ok: true, redrives: 1 };
      expect(await Promise.all([letters.redrive(key), letters.redrive(key)])).toEqual([once, once]);
      const expected = model.commit(dead, Date.now());
      expect(expected).toEqual({ verdict: "committed", seq: model.head });
      await eventually(async () => (await hubOf(user).presence()).head === model.head, {
        what: () => `${key} has come to the object`,
      });
      expect(await letters.redrive(key)).toEqual(once);
      expect((await letters.list({ limit: 1, user })).letters).toMatchObject([
        { key, state: "redriven", redrives: 1 },
      ]);
    }),
  );

const live = fc.constant(
  step("publish live", async (model, { user }) => {
    const only = message({ live: true });
    const open = [...model.online.values()].filter(({ closesAt }) => closesAt > Date.now());
    const { verdicts } = await hubOf(user).deliver([only]);
    expect(verdicts).toEqual([{ verdict: only.at <= model.erasedAt ? "gone" : "live" }]);
    for (const { device, stalledUntil } of open) {
      await device.settled();
      const copies = device.all("live").filter((frame) => frame.message.id === only.id);
      expect(copies).toHaveLength(stalledUntil === null && only.at > model.erasedAt ? 1 : 0);
    }
  }),
);

const arrive = fc
  .tuple(
    deviceName,
    fc.constantFrom("resume", "resume", "resume", "new", "epoch", "ahead"),
    fc.constantFrom(5 * minute, hour),
  )
  .map(([name, how, lifetimeMs]) =>
    step(`connect ${name} ${how} for ${lifetimeMs / minute} min`, async (model, real) => {
      const known = real.devices.get(name)?.resume;
      const current = [...real.devices.values()].find((device) => model.online.has(device.name))?.resume
        .epoch;
      const resume = {
        resume: known,
        new: undefined,
        epoch: known && { epoch: "another", seq: known.seq },
        ahead: current === undefined ? known : { epoch: current, seq: model.head + 1 },
      }[how];
      const expires = Date.now() + lifetimeMs;
      const device = await connect(real.user, { device: name, resume, token: { expires } });
      if (Date.now() <= model.revokedBefore) {
        expect(await device.closing()).toBe(4005);
        return;
      }
      const reset = how === "ahead" && current !== undefined;
      if (reset) model.closing.add(4203);
      const old = model.online.get(name);
      if (old !== undefined) {
        expect(await old.device.closing()).toBe(4007);
        model.online.delete(name);
      }
      const { from, resumed, epoch } = device.last("welcome");
      const valid = resume !== undefined && !reset && resume.epoch === epoch;
      expect({ from, resumed }).toEqual({ from: valid ? resume.seq : 0, resumed: valid });
      if (reset) expect(epoch).not.toBe(current);
      else if (current !== undefined) expect(epoch).toBe(current);
      real.devices.set(name, device);
      model.online.set(name, {
        device,
        closesAt: expires,
        badAcks: 0,
        acked: from,
        stalledUntil: null,
        heard: Date.now(),
        seen: 0,
      });
    }),
  );

const ack = fc
  .tuple(deviceName, fc.constantFrom("all", "all", "all", "some", "old", "head", "ahead", "epoch"))
  .map(([name, how]) =>
    step(`ack ${name} ${how}`, async (model) => {
      const connection = model.online.get(name);
      if (connection === undefined) return;
      const { device } = connection;
      const { epoch, seq } = device.resume;
      if (how === "epoch") model.closing.add(4203);
      if (how === "ahead") {
        if (connection.badAcks > 0) model.closing.add(4000);
        connection.badAcks += 1;
      }
      const number = { all: seq, some: seq - 3, old: 0, head: model.head, ahead: model.head + 1, epoch: seq }[
        how
      ];
      device.send({ type: "ack", epoch: how === "epoch" ? "another" : epoch, seq: Math.max(0, number) });
    }),
  );

const cut = deviceName.map((name) =>
  step(`cut ${name}`, async (model) => {
    const connection = model.online.get(name);
    if (connection === undefined) return;
    connection.device.close(1000);
    await connection.device.closing();
    model.online.delete(name);
  }),
);

const evict = fc.constantFrom("hibernate" as const, "close" as const).map((webSockets) =>
  step(`evict ${webSockets}`, async (model, { user }) => {
    if (webSockets === "close") model.closing.add(1006);
    await hubOf(user).presence();
    await evictDurableObject(hubOf(user), { webSockets });
    if (webSockets === "close") await gone(model);
  }),
);

const abort = fc.constant(
  step("abort", async (model) => {
    model.closing.add(1006);
    await abortAllDurableObjects();
    await gone(model);
  }),
);

async function gone(model: HubModel): Promise<void> {
  for (const { device } of model.online.values()) await device.closing();
}

const alarm = fc.constant(step("alarm", ring));

async function ring(model: HubModel, { user }: Real): Promise<void> {
  const ran = await runDurableObjectAlarm(hubOf(user));
  if (ran) model.sweep(Date.now());
}

const clock = fc
  .tuple(
    fc.constantFrom(1_000, minute, 5 * minute, 31 * minute, 2 * hour, day, 8 * day, 31 * day),
    fc.boolean(),
  )
  .map(([by, late]) =>
    step(`clock ${by / 1_000} s${late ? ", no alarm yet" : ""}`, async (model, real) => {
      vi.setSystemTime(Date.now() + by);
      if (!late) await ring(model, real);
    }),
  );

const revoke = fc.boolean().map((forGood) =>
  step(forGood ? "revoke" : "disconnect", async (model, { user }) => {
    model.closing.add(forGood ? 4005 : 4200);
    const { size } = model.online;
    expect(await hubOf(user).disconnect(forGood)).toEqual({ closed: size });
    if (forGood) model.revokedBefore = Date.now();
    await gone(model);
  }),
);

const erase = fc.constant(
  step("erase", async (model, { user }) => {
    model.closing.add(4005);
    await hubOf(user).erase();
    await gone(model);
    model.erase(Date.now());
  }),
);

const read = fc.tuple(fc.boolean(), fc.nat({ max: 200 })).map(([byId, pick]) =>
  step(byId ? `read message ${pick}` : `read up to ${pick}`, async (model, { user, published }) => {
    const id = published.at(pick % Math.max(1, published.length))?.id;
    if (byId && id === undefined) return;
    if (id !== undefined && byId) model.readIds([id]);
    else model.readTo(pick);
    const state = await hubOf(user).read(byId && id !== undefined ? { ids: [id] } : { upTo: pick });
    expect(state).toEqual({ unread: model.unread(Date.now()), readUpTo: model.readUpTo, rev: model.rev });
  }),
);

test("whatever happens, storage holds, and each device gets every number once and in order", async () => {
  vi.spyOn(console, "info").mockImplementation(() => undefined);
  const steps = [
    publish,
    publish,
    flood,
    redeliver,
    conflict,
    live,
    arrive,
    arrive,
    arrive,
    ack,
    ack,
    cut,
    evict,
    abort,
  ];
  const rare = [alarm, clock, clock, revoke, erase, read, redrive];
  await fc.assert(
    fc.asyncProperty(fc.commands([...steps, ...rare], { maxCommands: 30, size: "+1" }), async (commands) => {
      vi.useRealTimers();
      vi.setSystemTime(Date.now());
      const model = new HubModel();
      const real: Real = { user: aUser(), published: [], devices: new Map() };
      await fc.asyncModelRun(() => ({ model, real }), commands);
      await complete(model, real);
    }),
    // About 250 lives of objects; the test pool hangs where one file needs more than some 530 (measured).
    { numRuns: 100 },
  );
}, 120_000);

/** When faults stop, every device gets to the head; and so that no test leaves a socket behind, it leaves. */
async function complete(model: HubModel, { user, devices }: Real): Promise<void> {
  vi.setSystemTime(Date.now() + 1);
  for (const [name, before] of devices) {
    const device = await dial(user, { device: name, resume: before.resume });
    await device.until(() => device.frames.length > 0);
    while (device.cursor < model.head) {
      const at = device.cursor;
      device.ack();
      await device.until(() => device.cursor > at);
    }
    const first = device.last("welcome").from + 1;
    expect(seqs(device)).toEqual(upTo(model.head, first));
    device.close(1000);
    await device.closing();
  }
}
