import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { lanes } from "../../src/lanes/lane.ts";
import { Outbox } from "../../src/lanes/outbox.ts";
import type { Parcel } from "../../src/lanes/send.ts";
import { laneLimits } from "../../src/limits.ts";
import { priorities } from "../../src/protocol/priority.ts";
import { recordedQueue } from "../support/lanes.ts";

const fresh = () => env.OUTBOX.get(env.OUTBOX.newUniqueId());
const parcels = (...those: [Parcel["lane"], string][]): Parcel[] =>
  those.map(([lane, text]) => ({ lane, text }));

/** The environment with queues that keep what they get, in one order for all lanes; `refuses` may change its mind. */
function recorded(refuses: (lane: Parcel["lane"]) => boolean = () => false) {
  const queues = Object.fromEntries(
    priorities.map((lane) => [lanes[lane].binding, recordedQueue(() => refuses(lane))]),
  );
  const got = () => priorities.map((lane) => queues[lanes[lane].binding]?.texts);
  return { env: { ...env, ...queues }, got };
}

const left = ({ storage }: DurableObjectState) =>
  storage.sql.exec("SELECT lane, text FROM parcels ORDER BY n").toArray();

/** Stores and sends without a pause in between, so that the alarm of the object itself does not come first. */
async function storeAndSend(outbox: Outbox, these: readonly Parcel[]): Promise<void> {
  await Promise.all([outbox.store(these), outbox.alarm()]);
}

describe("an outbox", () => {
  test("sends to each lane what is for it, and leaves nothing behind", async () => {
    await runInDurableObject(fresh(), async (_, state) => {
      const { env, got } = recorded();
      const all = parcels(["critical", "c1"], ["low", "l1"], ["low", "l2"], ["high", "h1"], ["normal", "n1"]);
      await storeAndSend(new Outbox(state, env), all);
      expect(got()).toEqual([["c1"], ["h1"], ["n1"], ["l1", "l2"]]);
      expect(state.storage.sql.exec("SELECT * FROM sqlite_master WHERE name = 'parcels'").toArray()).toEqual(
        [],
      );
      expect(await state.storage.getAlarm()).toBeNull();
    });
  });

  test("sends more than one send takes in as many as it needs", async () => {
    await runInDurableObject(fresh(), async (_, state) => {
      const { env, got } = recorded();
      const texts = Array.from({ length: 2 * laneLimits.maxSendMessages + 1 }, (_, number) => `${number}`);
      await storeAndSend(
        new Outbox(state, env),
        texts.map((text) => ({ lane: "normal", text })),
      );
      expect(got()[2]).toEqual(texts);
    });
  });

  test("keeps what a lane refuses and tries again later, while the other lanes get theirs", async () => {
    await runInDurableObject(fresh(), async (_, state) => {
      let full = true;
      const { env, got } = recorded((lane) => full && lane === "critical");
      const outbox = new Outbox(state, env);
      const before = Date.now();
      await storeAndSend(outbox, parcels(["critical", "c1"], ["low", "l1"]));
      expect(got()).toEqual([[], [], [], ["l1"]]);
      expect(left(state)).toEqual([{ lane: "critical", text: "c1" }]);
      expect(await state.storage.getAlarm()).toBeGreaterThanOrEqual(before + 1_000);

      await outbox.alarm();
      expect(state.storage.kv.get("rounds")).toBe(2);

      full = false;
      await outbox.alarm();
      expect(got()).toEqual([["c1"], [], [], ["l1"]]);
      expect(await state.storage.getAlarm()).toBeNull();
    });
  });

  test("sends again what it had sent when it crashed before deleting it, and goes on after it", async () => {
    await runInDurableObject(fresh(), async (_, state) => {
      const { env, got } = recorded();
      const first = new Outbox(state, {
        ...env,
        LANE_HIGH: { ...env.LANE_HIGH, sendBatch: () => crash(env.LANE_HIGH) },
      });
      await storeAndSend(first, parcels(["high", "h1"]));
      expect(left(state)).toHaveLength(1);
      await new Outbox(state, env).alarm();
      expect(got()[1]).toEqual(["h1", "h1"]);
    });

    async function crash(queue: Queue): Promise<never> {
      await queue.sendBatch([{ body: "h1" }]);
      throw new Error("the object was reset");
    }
  });

  test("comes back after a fault of its own storage", async () => {
    await runInDurableObject(fresh(), async (_, state) => {
      const { env, got } = recorded();
      const outbox = new Outbox(state, env);
      await Promise.all([
        outbox.store(parcels(["low", "l1"])),
        (async () => {
          state.storage.sql.exec("ALTER TABLE parcels RENAME TO elsewhere");
          state.storage.sql.exec("CREATE TABLE parcels (wrong INTEGER)");
          await outbox.alarm();
        })(),
      ]);
      expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now());
      state.storage.sql.exec("DROP TABLE parcels");
      state.storage.sql.exec("ALTER TABLE elsewhere RENAME TO parcels");
      await outbox.alarm();
      expect(got()[3]).toEqual(["l1"]);
    });
  });

  test("does nothing and stays empty when its alarm comes once more", async () => {
    await runInDurableObject(fresh(), async (_, state) => {
      const { env, got } = recorded();
      const outbox = new Outbox(state, env);
      await storeAndSend(outbox, parcels(["low", "l1"]));
      await outbox.alarm();
      expect(got()[3]).toEqual(["l1"]);
      expect(await state.storage.getAlarm()).toBeNull();
    });
  });

  test("keeps none of a request when a part of it can't be stored", async () => {
    await runInDurableObject(fresh(), async (_, state) => {
      const outbox = new Outbox(state, recorded().env);
      state.storage.sql.exec(
        "CREATE TABLE parcels (n INTEGER PRIMARY KEY, lane TEXT, text TEXT CHECK (text <> 'bad'))",
      );
      await expect(outbox.store(parcels(["low", "l1"], ["low", "bad"]))).rejects.toThrow();
      expect(left(state)).toEqual([]);
      expect(await state.storage.getAlarm()).toBeNull();
    });
  });
});
