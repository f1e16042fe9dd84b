/** What must not be written down, and a hub that must not serve. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  apiKeys,
  forgedToken,
  previousToken,
  testBindings,
  tokenFor,
  withKey,
} from "../support/credentials.ts";
import { eventually } from "../support/eventually.ts";
import { type HubProcess, startHub } from "../support/hub-process.ts";
import { listen, push } from "../support/publisher.ts";

const canary = "canary-7f3d1c58";

describe("a hub with its secrets in a file", () => {
  let hub: HubProcess;
  beforeAll(async () => {
    hub = await startHub({ ...testBindings, ALLOW_QUERY_TOKEN: "true" });
  });
  afterAll(() => hub.stop());

  it("H10 takes a token that was signed with the previous secret, and none of a third one", async () => {
    const inbox = async (token: string): Promise<number> =>
      (await fetch(`${hub.url}/v1/users/alice/messages`, { headers: withKey(token) })).status;
    expect(await inbox(await previousToken())).toBe(200);
    const key = new TextEncoder().encode("Jw5RzM8nQe2Yt7KdX4pLs9GvB6hCf3Ua");
    expect(await inbox(await forgedToken({ key }))).toBe(401);
  });

  it("H3 never writes a key, a token, a secret or a body into its log, whatever is done with them", async () => {
    const good = await tokenFor("secretive");
    const bad = await forgedToken({ key: new TextEncoder().encode(`${canary}-${canary}-${canary}`) });
    const device = await listen(hub.url, "secretive", "phone", { token: async () => good });
    await push(hub.url, { to: { user: "secretive" }, type: "n", data: canary });
    await push(hub.url, { to: { user: "secretive" }, type: "n", data: canary, priority: "critical" });
    await eventually(() => device.received.length === 2);
    device.client.close();

    const answers = await Promise.all([
      fetch(`${hub.url}/v1/messages`, { method: "POST", headers: withKey(apiKeys.revoked), body: canary }),
      fetch(`${hub.url}/v1/messages`, { method: "POST", headers: withKey(), body: `{"${canary}":` }),
      fetch(`${hub.url}/v1/messages`, {
        method: "POST",
        headers: withKey(`${canary}.${canary}.x`),
        body: "{}",
      }),
      fetch(`${hub.url}/v1/connect?device=phone&token=${bad}`, { headers: { Upgrade: "websocket" } }).catch(
        () => undefined,
      ),
      fetch(`${hub.url}/v1/users/secretive/messages`, { headers: withKey(bad) }),
      fetch(`${hub.url}/v1/${canary}`),
    ]);
    const bodies = await Promise.all(answers.map((answer) => answer?.text()));
    // The last line of the log shows that everything before has been written.
    await eventually(() => hub.log().includes("batch_consumed"));
    const written = hub.log() + bodies.join("\n");
    const secrets = [apiKeys.all, apiKeys.revoked, testBindings.TOKEN_SECRET, good, bad];
    for (const secret of secrets) expect(written).not.toContain(secret);
    // wrangler's own line for a request names its path; everything else of it stays out.
    expect(written.replaceAll(`GET /v1/${canary} `, "")).not.toContain(canary);
  });
});

describe("H8 a hub without good secrets", () => {
  let hub: HubProcess;
  beforeAll(async () => {
    hub = await startHub({ API_KEYS: testBindings.API_KEYS, TOKEN_SECRET: "too-short" });
  });
  afterAll(() => hub.stop());

  it.each(["/health", "/v1/messages", "/v1/connect", "/nowhere"])(
    "answers %s with 503 and says which",
    async (path) => {
      const response = await fetch(hub.url + path);
      expect(response.status).toBe(503);
      const body = await response.text();
      expect(body).toContain("TOKEN_SECRET is shorter than 32 bytes");
      expect(body).not.toContain("too-short");
    },
  );
});
