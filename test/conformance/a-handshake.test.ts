/** Rows A and C28 of the test matrix: who gets in. */
import { env, exports } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/http/app.ts";
import { accepted, broken, problem, publish, to } from "../support/api.ts";
import { connect, offering, open, origin, tryConnect, welcomed } from "../support/connect.ts";
import {
  apiKeys,
  type Forgery,
  forgedToken,
  previousToken,
  providerToken,
  tokenFor,
  tokenSettings,
  unsignedToken,
  withKey,
} from "../support/credentials.ts";

/** An environment in which calling any user's object fails the test. */
const noObjects = { ...env, USER_HUB: broken(env.USER_HUB, new Error("the object was called")) };

function atTheEdge(query: string, headers: Record<string, string>): Promise<Response> {
  const request = new Request(`${origin}/v1/connect?${query}`, {
    headers: { Upgrade: "websocket", ...headers },
  });
  return Promise.resolve(app.fetch(request, noObjects));
}

const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

/** How a token is refused, to a client that reads HTTP and to one that reads close codes; neither reaches an object. */
async function refusals(token: string): Promise<object> {
  const http = await atTheEdge("device=phone", bearer(token));
  const device = open(await atTheEdge("device=phone", offering(token)));
  await device.closing();
  return {
    status: http.status,
    challenge: http.headers.get("WWW-Authenticate"),
    code: (await http.json<{ code: string }>()).code,
    bye: device.last("bye"),
    closed: device.closed,
  };
}

const invalid = {
  status: 401,
  challenge: 'Bearer error="invalid_token"',
  code: "token_invalid",
  bye: { type: "bye", code: 4004, reason: "token_invalid" },
  closed: { code: 4004, reason: "token_invalid" },
};
const expired = {
  status: 401,
  challenge: 'Bearer error="invalid_token"',
  code: "token_expired",
  bye: { type: "bye", code: 4201, reason: "token_expired" },
  closed: { code: 4201, reason: "token_expired" },
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a handshake", () => {
  test("A1 without an upgrade is told to upgrade", async () => {
    const response = await app.fetch(new Request(`${origin}/v1/connect?device=phone`), noObjects);
    expect(response.headers.get("Upgrade")).toBe("websocket");
    expect(await problem(response)).toMatchObject({ status: 426, code: "upgrade_required" });
    expect(await problem(tryConnect("device=phone", { Upgrade: "h2c" }))).toMatchObject({ status: 426 });
  });

  test("A2 by POST is not allowed", async () => {
    const response = await exports.default.fetch(`${origin}/v1/connect`, { method: "POST" });
    expect(response.headers.get("Allow")).toBe("GET");
    expect(await problem(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
  });

  test("A6 without a token is refused without an error code, or closed with 4004", async () => {
    const http = await atTheEdge("device=phone", {});
    expect(http.headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(await problem(http)).toMatchObject({ status: 401, code: "unauthenticated" });
    const device = open(await atTheEdge("device=phone", { "Sec-WebSocket-Protocol": "hubbub.v1" }));
    expect(await device.closing()).toBe(4004);
    expect(device.last("bye")).toEqual(invalid.bye);
    const basic = await atTheEdge("device=phone", { Authorization: "Basic YWxpY2U6c2VjcmV0" });
    expect(await problem(basic)).toMatchObject({ status: 401, code: "unauthenticated" });
  });

  test("A7 with a token signed by another key is refused", async () => {
    const key = new TextEncoder().encode("some other secret, long enough for it");
    expect(await refusals(await forgedToken({ key }))).toEqual(invalid);
  });

  test.each(["none", "None", "nOnE"])("A8 with a token of alg %s is refused", async (alg) => {
    const iat = Math.floor(Date.now() / 1_000);
    const claims = { iss: "hubbub", aud: "hubbub:connect", sub: "alice", iat, exp: iat + 60, jti: "j" };
    expect(await refusals(unsignedToken({ alg, typ: "JWT" }, claims))).toEqual(invalid);
  });

  test("A9 with a token that uses the provider's public key as a secret is refused", async () => {
    const key = new TextEncoder().encode(JSON.stringify(tokenSettings.jwks?.keys));
    expect(await refusals(await forgedToken({ key, claims: { iss: tokenSettings.jwks?.issuer } }))).toEqual(
      invalid,
    );
  });

  test("A11 with a token of which one byte is changed is refused", async () => {
    const token = await tokenFor("alice");
    const changed = token.slice(0, -2) + (token.at(-2) === "A" ? "B" : "A") + token.slice(-1);
    expect(await refusals(changed)).toEqual(invalid);
  });

  test("A13 with a token that expired is let in inside the leeway, and told to renew it beyond", async () => {
    const past = (seconds: number): Promise<string> => {
      const now = Date.now() - (3_600 + seconds) * 1_000;
      return tokenFor("a13", { now });
    };
    const inside = await connect("a13", { token: await past(1) });
    expect(inside.last("welcome").expires).toBeLessThan(Date.now());
    inside.close();
    expect(await refusals(await past(30))).toEqual(expired);
    expect(await refusals(await past(31))).toEqual(expired);
  });

  const now = Math.floor(Date.now() / 1_000);
  test.each<[string, Forgery]>([
    ["A14 not yet valid", { claims: { nbf: now + 600 } }],
    ["A14 of the future", { claims: { iat: now + 600, exp: now + 1_200 } }],
    ["A16 for a day", { claims: { exp: now + 86_400 } }],
    ["A17 for another audience", { claims: { aud: "hubbub:api" } }],
    ["A17 of another issuer", { claims: { iss: "somebody" } }],
    ["A17 for another purpose", { header: { typ: "at+jwt" } }],
    ["A18 without sub", { claims: { sub: undefined } }],
    ["A18 with an empty sub", { claims: { sub: "" } }],
    ["A18 with a sub that is a list", { claims: { sub: ["alice"] } }],
    ["A18 with a sub that is an object", { claims: { sub: {} } }],
    ["A18 with a sub that is a number", { claims: { sub: 7 } }],
  ])("with a token that is %s is refused", async (_, forgery) => {
    expect(await refusals(await forgedToken(forgery))).toEqual(invalid);
  });

  test("A21 with a token in the query is refused unless the deployment allows it", async () => {
    const token = await tokenFor("a21");
    const refused = await problem(tryConnect(`device=phone&token=${token}`));
    expect(refused).toMatchObject({ status: 400, code: "query_token_refused" });
    expect(JSON.stringify(refused)).not.toContain(token);
    const request = new Request(`${origin}/v1/connect?device=phone&token=${token}`, {
      headers: { Upgrade: "websocket" },
    });
    const device = await welcomed(await app.fetch(request, { ...env, ALLOW_QUERY_TOKEN: "true" }));
    device.close();
  });

  test("A22 by subprotocols is answered with hubbub.v1 alone", async () => {
    const response = await tryConnect("device=phone", offering(await tokenFor("a22")));
    expect(response.status).toBe(101);
    expect(response.headers.get("Sec-WebSocket-Protocol")).toBe("hubbub.v1");
    const device = await welcomed(response);
    expect(device.last("welcome")).toMatchObject({ device: "phone", resumed: false });
    device.close();
  });

  test("that resumes says so in its URL, and gets what it missed", async () => {
    for (const data of [1, 2]) await accepted(publish({ ...to("resumed"), priority: "critical", data }));
    const first = await connect("resumed");
    await first.until(() => first.cursor === 2);
    first.close();
    await accepted(publish({ ...to("resumed"), priority: "critical", data: 3 }));
    const second = await connect("resumed", { resume: { ...first.resume, seq: 1 } });
    await second.until(() => second.cursor === 3);
    expect(second.last("welcome")).toMatchObject({ resumed: true, from: 1 });
    expect(second.arrivals.map(({ seq }) => seq)).toEqual([2, 3]);
    second.close();
  });

  test("A22 by header needs no subprotocol, and gets none", async () => {
    const response = await tryConnect("device=phone", bearer(await tokenFor("a22")));
    expect(response.headers.get("Sec-WebSocket-Protocol")).toBeNull();
    (await welcomed(response)).close();
  });

  test("A23 that offers nothing but the token, or another protocol, is refused", async () => {
    const token = await tokenFor("alice");
    for (const protocols of [`bearer.${token}`, "hubbub.v2", ""]) {
      const refused = await problem(
        atTheEdge("device=phone", { "Sec-WebSocket-Protocol": protocols, ...bearer(token) }),
      );
      expect(refused).toMatchObject({ status: 400, code: "invalid_request" });
    }
  });

  test("with a token in two places is refused", async () => {
    const token = await tokenFor("alice");
    const refused = await problem(atTheEdge("device=phone", { ...offering(token), ...bearer(token) }));
    expect(refused).toMatchObject({ status: 400, code: "invalid_request" });
  });

  test("A24 with an oversized token is refused before any cryptography", async () => {
    const verify = vi.spyOn(crypto.subtle, "verify");
    for (const length of [4_097, 16_384, 102_400]) {
      for (const headers of [bearer("x".repeat(length)), offering("x".repeat(length))]) {
        expect(await problem(atTheEdge("device=phone", headers))).toMatchObject({
          status: 400,
          code: "token_too_long",
        });
      }
    }
    expect(verify).not.toHaveBeenCalled();
  });

  test.each([
    "https://evil.example.com",
    "null",
    "https://app.example.com.evil.tld",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://APP.example.com",
    "https://app.example.com/",
    "",
  ])("A25 of a page from %j is refused with one line in the log", async (pageOrigin) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const headers = { ...offering(await tokenFor("alice")), Origin: pageOrigin };
    expect(await problem(atTheEdge("device=phone", headers))).toMatchObject({
      status: 403,
      code: "origin_refused",
    });
    expect(warn.mock.calls).toEqual([[expect.stringContaining('"event":"origin_refused"')]]);
  });

  test("A25 of a page that is on the list is let in, and with * of any page that has an origin", async () => {
    const headers = offering(await tokenFor("a25"));
    const listed = await tryConnect("device=phone", { ...headers, Origin: "https://app.example.com" });
    (await welcomed(listed)).close();
    const anywhere = { ...env, ALLOWED_ORIGINS: "*" };
    const from = (pageOrigin: string): Request =>
      new Request(`${origin}/v1/connect?device=phone`, {
        headers: { Upgrade: "websocket", ...headers, Origin: pageOrigin },
      });
    (await welcomed(await app.fetch(from("https://other.example.com"), anywhere))).close();
    vi.spyOn(console, "warn").mockImplementation(() => {});
    expect(await problem(app.fetch(from("null"), anywhere))).toMatchObject({ code: "origin_refused" });
  });

  test("A25 of a page that the hub itself serves is let in, whatever is on the list", async () => {
    const headers = offering(await tokenFor("a25"));
    (await welcomed(await tryConnect("device=phone", { ...headers, Origin: origin }))).close();
  });

  test("A26 without Origin is let in by its token, never by a cookie", async () => {
    const token = await tokenFor("a26");
    (await welcomed(await tryConnect("device=phone", bearer(token)))).close();
    const cookie = await atTheEdge("device=phone", { Cookie: `token=${token}` });
    expect(await problem(cookie)).toMatchObject({ status: 401, code: "unauthenticated" });
  });

  test("A28 with an API key is refused", async () => {
    for (const headers of [bearer(apiKeys.all), offering(apiKeys.all)]) {
      expect(await problem(atTheEdge("device=phone", headers))).toMatchObject({
        status: 401,
        code: "wrong_credential_type",
      });
    }
  });

  test.each([
    "",
    "device=",
    `device=${"d".repeat(200)}`,
    "device=../x",
    "device=a%20b",
    "device=%F0%9F%93%B1",
    "device=phone&seq=3",
    "device=phone&epoch=e",
    "device=phone&epoch=e&seq=-1",
    "device=phone&epoch=e&seq=1.5",
    "device=phone&epoch=e&seq=1e3",
    "device=phone&epoch=e&seq=9999999999999999",
    "device=phone&epoch=&seq=1",
    "device=phone&epoch=%C3%A4&seq=1",
    `device=phone&epoch=${"e".repeat(65)}&seq=1`,
  ])("C28 with the query %j is refused", async (query) => {
    const refused = await problem(atTheEdge(query, bearer(await tokenFor("alice"))));
    expect(refused).toMatchObject({ status: 400, code: "invalid_request" });
  });

  test("C28 with the device of another user opens a device of one's own", async () => {
    const [first, second] = await Promise.all([connect("c28-a"), connect("c28-b")]);
    await Promise.all([first.settled(), second.settled()]);
    expect([first.closed, second.closed]).toEqual([undefined, undefined]);
    first.close();
    second.close();
  });

  test("with a token of one device lets in that device only", async () => {
    const { token } = await exports.default
      .fetch(`${origin}/v1/tokens`, {
        method: "POST",
        headers: withKey(),
        body: JSON.stringify({ user: "bound", device: "phone", ttl: 60 }),
      })
      .then((response) => response.json<{ token: string }>());
    (await connect("bound", { token })).close();
    expect(await problem(atTheEdge("device=tablet", bearer(token)))).toMatchObject({
      status: 403,
      code: "forbidden",
    });
    const refused = open(await atTheEdge("device=tablet", offering(token)));
    expect(await refused.closing()).toBe(4003);
  });

  test("H10 with a token of the previous secret is let in until that secret is taken away", async () => {
    const token = await previousToken();
    const device = await connect("alice", { token });
    const { TOKEN_SECRET_PREVIOUS, ...rotated } = { TOKEN_SECRET_PREVIOUS: "", ...env };
    const request = new Request(`${origin}/v1/connect?device=phone`, {
      headers: { Upgrade: "websocket", ...bearer(token) },
    });
    expect(await problem(app.fetch(request, rotated))).toMatchObject({ status: 401, code: "token_invalid" });
    await device.settled();
    expect(device.closed).toBeUndefined();
    device.close();
  });

  test("with a token of the identity provider is let in", async () => {
    const token = await providerToken({ claims: { sub: "provided" } });
    (await connect("provided", { token })).close();
  });

  test("is told to come back while the identity provider's keys can't be fetched", async () => {
    vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("network down"));
    vi.spyOn(console, "error").mockImplementation(() => {});
    const request = new Request(`${origin}/v1/connect?device=phone`, {
      headers: { Upgrade: "websocket", ...offering(await providerToken()) },
    });
    const response = await app.fetch(request, {
      ...noObjects,
      TOKEN_JWKS: "https://id.example.com/jwks.json",
    });
    expect(response.headers.get("Retry-After")).toBe("5");
    expect(await problem(response)).toMatchObject({ status: 503, code: "provider_unavailable" });
  });
});

describe("an API key", () => {
  const push = (headers: Record<string, string>): Promise<Response> =>
    exports.default.fetch(`${origin}/v1/messages`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ to: { user: "alice" }, type: "note" }),
    });

  test("A27 that is unknown, revoked or mistyped is refused with the same answer", async () => {
    const mistyped = apiKeys.all.slice(0, -1) + (apiKeys.all.endsWith("a") ? "b" : "a");
    const answers = await Promise.all(
      [apiKeys.revoked, mistyped, "hub_unknown", "anything"].map(async (key) => {
        const response = await push(bearer(key));
        const { instance, ...body } = await response.json<{ instance: string }>();
        return { status: response.status, challenge: response.headers.get("WWW-Authenticate"), body };
      }),
    );
    expect(answers[0]).toMatchObject({ status: 401, challenge: 'Bearer error="invalid_token"' });
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  test("A27 that is missing is asked for", async () => {
    const response = await push({});
    expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(await problem(response)).toMatchObject({ status: 401, code: "unauthenticated" });
  });

  test("A28 can't be replaced by a connect token", async () => {
    const response = await push(bearer(await tokenFor("alice")));
    expect(await problem(response)).toMatchObject({ status: 401, code: "wrong_credential_type" });
  });

  test("is known by its scheme in any case of letters", async () => {
    expect((await push({ Authorization: `bearer  ${apiKeys.publish}` })).status).toBe(202);
  });
});
