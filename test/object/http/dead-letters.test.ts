import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { deadLettersName } from "../../../src/lanes/dead-letter.ts";
import { type DeadRecord, deadKey, deadTextKey } from "../../../src/lanes/dead-record.ts";
import { deadLetterLimits } from "../../../src/limits.ts";
import { api, problem } from "../../support/api.ts";
import { aMessage, users } from "../../support/lanes.ts";

interface Page {
  readonly letters: readonly { readonly key: string; readonly state: string }[];
  readonly next?: number;
}

/** Stores a dead letter for each user and tells their keys. */
async function bury(
  number: number,
  names: readonly string[],
  at = Date.now(),
  expires = at + 60_000,
): Promise<string[]> {
  const message = aMessage(number, { at, expires });
  const record = {
    message,
    users: users(...names),
    reason: "inbox_full",
    attempts: 1,
    error: "",
    at,
  } satisfies DeadRecord;
  await env.DEAD_LETTERS.getByName(deadLettersName).store([record]);
  return record.users.map((user) => deadKey(message, user));
}

async function list(query: string): Promise<Page> {
  const response = await api("GET", `/v1/dead-letters?${query}`);
  expect(response.status).toBe(200);
  return response.json<Page>();
}

describe("the dead letters", () => {
  test("are listed in pages, with the message as it was published", async () => {
    const [key] = await bury(1, ["listed"]);
    await bury(2, ["listed"]);
    const first = await list("user=listed&limit=1");
    expect(first).toMatchObject({ letters: [{ message: { id: "message-2" } }], next: expect.any(Number) });
    const last = await list(`user=listed&limit=1&cursor=${first.next}&reason=inbox_full`);
    expect(last.letters).toEqual([
      {
        key,
        user: "listed",
        lane: "normal",
        state: "dead",
        redrives: 0,
        reason: "inbox_full",
        attempts: 1,
        error: "",
        at: expect.any(Number),
        message: expect.objectContaining({ id: "message-1", data: { number: 1 } }),
      },
    ]);
    expect(last).not.toHaveProperty("next");
    expect(await list("user=listed&reason=poison")).toEqual({ letters: [] });
  });

  test("hold what could not be read as it came", async () => {
    const raw = '{"v":"?"';
    const record: DeadRecord = {
      raw,
      lane: "low",
      reason: "poison",
      attempts: 1,
      error: "is not JSON",
      at: Date.now(),
    };
    await env.DEAD_LETTERS.getByName(deadLettersName).store([record]);
    expect(await list("reason=poison")).toMatchObject({ letters: [{ key: deadTextKey(raw), raw }] });
  });

  test.each(["limit=0", "cursor=x", "user=a%20b", "reason=boredom"])("with %s are refused", async (query) => {
    const [path] = query.split("=");
    expect(await problem(api("GET", `/v1/dead-letters?${query}`))).toMatchObject({
      status: 400,
      errors: [{ path }],
    });
  });

  test("E5 are redriven once, however often it is asked for, and the log says by whom", async () => {
    const info = vi.spyOn(console, "info").mockImplementation(() => {});
    const [key] = await bury(3, ["redriven"]);
    for (let time = 0; time < 2; time += 1) {
      const response = await api("POST", `/v1/dead-letters/${key}/redrive`);
      expect(response.status).toBe(202);
      expect(await response.json()).toEqual({ key, redrives: 1 });
    }
    expect(info.mock.calls.flat().filter((line) => line.includes('"event":"redrive_asked"'))).toEqual([
      expect.stringContaining(`"by":"8wg5c1a1","letter":"${key}","code":"ok"`),
      expect.stringContaining(`"by":"8wg5c1a1","letter":"${key}","code":"ok"`),
    ]);
    info.mockRestore();
    expect((await list("user=redriven")).letters).toMatchObject([{ key, state: "redriven" }]);
  });

  test("D28 are not redriven when they are too old", async () => {
    const [key] = await bury(4, ["aged"], Date.now() - deadLetterLimits.redriveWindowMs - 1_000);
    expect(await problem(api("POST", `/v1/dead-letters/${key}/redrive`))).toMatchObject({
      status: 409,
      code: "too_old",
    });
  });

  test("are not redriven when nobody would be given them any more", async () => {
    const at = Date.now() - 2_000;
    const [key] = await bury(8, ["expired"], at, at + 1_000);
    expect(await problem(api("POST", `/v1/dead-letters/${key}/redrive`))).toMatchObject({
      status: 409,
      code: "expired",
    });
  });

  test("E7 are discarded, and the log says by whom", async () => {
    const info = vi.spyOn(console, "info").mockImplementation(() => {});
    const [key] = await bury(5, ["discarded"]);
    expect((await api("DELETE", `/v1/dead-letters/${key}`)).status).toBe(204);
    expect(
      info.mock.calls
        .flat()
        .some((line) => line.includes('"event":"discard_asked"') && line.includes('"by"')),
    ).toBe(true);
    info.mockRestore();
    for (const [method, path] of [
      ["DELETE", `/v1/dead-letters/${key}`],
      ["POST", `/v1/dead-letters/${key}/redrive`],
    ] as const) {
      expect(await problem(api(method, path))).toMatchObject({ status: 404, code: "not_found" });
    }
  });

  test("are known by their key only", async () => {
    expect(await problem(api("DELETE", "/v1/dead-letters/short"))).toMatchObject({
      status: 400,
      code: "invalid_request",
      errors: [{ path: "key" }],
    });
  });

  test("are what a message's state speaks of when nothing else does", async () => {
    await bury(6, ["stated"]);
    const response = await api("GET", "/v1/users/stated/messages/message-6");
    expect(await response.json()).toEqual({
      id: "message-6",
      state: "dead",
      reason: "inbox_full",
      at: expect.any(Number),
    });
  });

  test("that a lane refuses to take back stay as they are", async () => {
    const [key] = await bury(7, ["refused"]);
    const store = { redrive: async () => ({ ok: false, code: "lane_refused" }) };
    const namespace = new Proxy(env.DEAD_LETTERS, { get: () => () => store });
    const response = await api("POST", `/v1/dead-letters/${key}/redrive`, {
      bindings: { DEAD_LETTERS: namespace },
    });
    expect(response.headers.get("Retry-After")).toBe("2");
    expect(await problem(response)).toMatchObject({ status: 503, code: "lane_unavailable" });
  });
});
