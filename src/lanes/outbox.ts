/**
 * The Durable Object that holds one request on its way into several lanes, or more of it than one send
 * takes: stored in one transaction, which accepts the request, and sent from here until every lane has
 * its part. A crash between a send and its delete sends twice; the objects of the users know ids again.
 */
import { DurableObject } from "cloudflare:workers";
import { laneLimits } from "../limits.ts";
import { errorText, log } from "../observe/log.ts";
import { priorities } from "../protocol/priority.ts";
import { backoffSeconds } from "./backoff.ts";
import { within } from "./bounded.ts";
import { batches, type Parcel, send } from "./send.ts";

/** Key of the number of rounds in which a lane refused. */
const roundsKey = "rounds";

export class Outbox extends DurableObject<Env> {
  /** Keeps all parcels or, when it rejects, none. They are on their way when it answers. */
  async store(parcels: readonly Parcel[]): Promise<void> {
    const { storage } = this.ctx;
    storage.transactionSync(() => {
      this.#createTable();
      for (const { lane, text } of parcels) {
        storage.sql.exec("INSERT INTO parcels (lane, text) VALUES (?, ?)", lane, text);
      }
    });
    // No `await` since the inserts: rows and alarm become durable together.
    await storage.setAlarm(Date.now());
  }

  /**
   * Sends what is left, and never gives up. The next alarm is set before anything is tried: the platform
   * drops an alarm that failed six times, and nobody else knows this object.
   */
  override async alarm(): Promise<void> {
    const { storage } = this.ctx;
    await storage.setAlarm(Date.now() + laneLimits.maxBackoffSeconds * 1_000);
    try {
      // An alarm may come again after it removed everything.
      this.#createTable();
      for (const lane of priorities) await this.#empty(lane);
      const left = storage.sql.exec<{ count: number }>("SELECT count(*) AS count FROM parcels").one().count;
      if (left === 0) {
        await storage.deleteAll();
        return;
      }
      const rounds = (storage.kv.get<number>(roundsKey) ?? 0) + 1;
      storage.kv.put(roundsKey, rounds);
      await storage.setAlarm(Date.now() + backoffSeconds(rounds, Math.random()) * 1_000);
    } catch (error) {
      log("error", "alarm_failed", { error: errorText(error) });
    }
  }

  /** Sends the parcels of a lane until it refuses. The other lanes do not wait for it. */
  async #empty(lane: Parcel["lane"]): Promise<void> {
    const { sql } = this.ctx.storage;
    const rows = sql
      .exec<{ n: number; text: string }>("SELECT n, text FROM parcels WHERE lane = ? ORDER BY n", lane)
      .toArray();
    let sent = 0;
    try {
      for (const texts of batches(rows.map(({ text }) => text))) {
        await within(laneLimits.sendTimeoutMs, send(this.env, lane, texts));
        sent += texts.length;
        sql.exec("DELETE FROM parcels WHERE lane = ? AND n <= ?", lane, rows[sent - 1]?.n ?? 0);
      }
    } catch (error) {
      log("warn", "lane_refused", { lane, count: rows.length - sent, error: errorText(error) });
    }
  }

  #createTable(): void {
    this.ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS parcels (n INTEGER PRIMARY KEY, lane TEXT NOT NULL, text TEXT NOT NULL) STRICT",
    );
  }
}
