import { describe, expect, test } from "vitest";
import { userId } from "../../../src/protocol/ids.ts";
import { api, problem } from "../../support/api.ts";
import { apiKeys, tokenFor } from "../../support/credentials.ts";
import { tablesOf } from "../../support/storage.ts";

const night = { timeZone: "Europe/Berlin", from: "22:00", to: "07:00" };

function pathOf(user: string): string {
  return `/v1/users/${user}/preferences`;
}

async function answer(response: Promise<Response>): Promise<unknown> {
  const { status, body } = await response.then(async (got) => ({
    status: got.status,
    body: await got.json(),
  }));
  expect(status).toBe(200);
  return body;
}

describe("the preferences of a user", () => {
  test("are set as a whole, read, and forgotten", async () => {
    const path = pathOf("choosy");
    const all = { muted: ["billing"], minPriority: "normal", quietHours: { ...night, days: [1, 2] } };
    expect(await answer(api("PUT", path, { json: all }))).toEqual(all);
    expect(await answer(api("GET", path))).toEqual(all);
    expect(await answer(api("PUT", path, { json: { quietHours: night } }))).toEqual({
      muted: [],
      quietHours: night,
    });
    expect(await answer(api("DELETE", path))).toEqual({ muted: [] });
    expect(await answer(api("GET", path))).toEqual({ muted: [] });
  });

  test("who has said nothing are the defaults, and to ask or forget stores nothing", async () => {
    const path = pathOf("silent");
    expect(await answer(api("GET", path))).toEqual({ muted: [] });
    expect(await answer(api("DELETE", path))).toEqual({ muted: [] });
    expect(await tablesOf(userId.parse("silent"))).toEqual([]);
  });

  test("are among what is exported of the user, if there are any", async () => {
    const exported = async (user: string) => (await api("GET", `/v1/users/${user}/export`)).text();
    await answer(api("PUT", pathOf("exported"), { json: { muted: ["billing"] } }));
    const line = { kind: "preferences", muted: ["billing"] };
    expect(await exported("exported")).toContain(`${JSON.stringify(line)}\n`);
    await answer(api("DELETE", pathOf("exported")));
    expect(await exported("exported")).not.toContain("preferences");
  });

  test("are told what is wrong with them", async () => {
    const put = (json: unknown) => problem(api("PUT", pathOf("wrong"), { json }));
    expect(await put({ mute: [] })).toMatchObject({ status: 400, code: "invalid_body" });
    expect(await put({ quietHours: { ...night, timeZone: "Europe/Atlantis" } })).toMatchObject({
      status: 400,
      errors: [{ path: "quietHours.timeZone" }],
    });
    expect(await put({ quietHours: { ...night, to: "22:00" } })).toMatchObject({
      status: 400,
      errors: [{ path: "quietHours.to" }],
    });
    expect(await tablesOf(userId.parse("wrong"))).toEqual([]);
  });

  test("open to the user's own token, and to nobody else's", async () => {
    const credential = await tokenFor("own");
    const path = pathOf("own");
    expect(await answer(api("PUT", path, { credential, json: { minPriority: "high" } }))).toEqual({
      muted: [],
      minPriority: "high",
    });
    expect(await answer(api("GET", path, { credential }))).toMatchObject({ minPriority: "high" });
    expect(await answer(api("DELETE", path, { credential }))).toEqual({ muted: [] });
    for (const method of ["GET", "PUT", "DELETE"]) {
      const json = method === "PUT" ? { json: {} } : {};
      const foreign = problem(api(method, pathOf("other"), { credential, ...json }));
      expect(await foreign).toMatchObject({ status: 403, code: "forbidden" });
    }
  });

  test("take the scope users:read to read, and users:write to change", async () => {
    const path = pathOf("scoped");
    expect(await answer(api("GET", path, { credential: apiKeys.reader }))).toEqual({ muted: [] });
    const tried = [
      api("GET", path, { credential: apiKeys.publish }),
      api("PUT", path, { credential: apiKeys.reader, json: {} }),
      api("DELETE", path, { credential: apiKeys.reader }),
    ];
    for (const refused of tried) {
      expect(await problem(refused)).toMatchObject({ status: 403, code: "insufficient_scope" });
    }
  });

  test("may be changed from pages of allowed origins", async () => {
    const headers = { Authorization: "", Origin: "https://app.example.com" };
    const asked = { ...headers, "Access-Control-Request-Method": "PUT" };
    const allowed = await api("OPTIONS", pathOf("paged"), { headers: asked });
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("Access-Control-Allow-Methods")).toBe("GET, PUT, DELETE");
  });
});
