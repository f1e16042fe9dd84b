/** What a device sends to a handler over HTTP, with the token of its user. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineHandler, type HandlerContext } from "../../../src/define/define-handler.ts";
import { handlerLimits } from "../../../src/limits.ts";
import { deviceId } from "../../../src/protocol/ids.ts";
import { api, type Call, problem, quietly } from "../../support/api.ts";
import { tokenFor } from "../../support/credentials.ts";
import { withHandlers } from "../../support/definitions.ts";
import { aUser, hubOf } from "../../support/device.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const scopes = ["talk"];

function handler(handle: (data: unknown, context: HandlerContext) => unknown) {
  return defineHandler("do", { data: z.unknown(), scope: "talk", handle });
}

/** Sends as a user does who may talk. */
async function send(json: object, call: Call = {}, user = "sender"): Promise<Response> {
  const credential = await tokenFor(user, { scopes });
  return api("POST", `/v1/users/${user}/send`, { json, credential, ...call });
}

describe("a message to a handler", () => {
  test("is answered with what the handler answers", async () => {
    withHandlers(handler((data, { user, device }) => ({ data, user, device: device ?? null })));
    const response = await send({ name: "do", data: { n: 1 } });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ data: { data: { n: 1 }, user: "sender", device: null } });
    const named = await tokenFor("sender", { scopes, device: deviceId.parse("phone") });
    const answer = await send({ name: "do" }, { credential: named });
    expect(await answer.json()).toEqual({ data: { data: null, user: "sender", device: "phone" } });
  });

  test("is answered with an empty object where the handler answers nothing", async () => {
    withHandlers(handler(() => undefined));
    expect(await (await send({ name: "do", data: 1 })).json()).toEqual({});
  });

  test("comes from pages of allowed origins too", async () => {
    withHandlers(handler(() => 1));
    const response = await send({ name: "do" }, { headers: { Origin: "https://app.example.com" } });
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("https://app.example.com");
  });

  test("is refused without a token of the user that is good", async () => {
    const of = async (call: Call) => problem(send({ name: "do" }, call));
    expect(await of({ headers: { Authorization: "" } })).toMatchObject({
      status: 401,
      code: "unauthenticated",
    });
    expect(await problem(api("POST", "/v1/users/sender/send", { json: { name: "do" } }))).toMatchObject({
      status: 401,
      code: "wrong_credential_type",
    });
    const other = await tokenFor("other", { scopes });
    expect(await of({ credential: other })).toMatchObject({ status: 403, code: "forbidden" });
    const user = aUser();
    const revoked = await tokenFor(user, { scopes });
    await hubOf(user).disconnect(true);
    expect(await problem(send({ name: "do" }, { credential: revoked }, user))).toMatchObject({
      status: 401,
      code: "token_invalid",
    });
  });

  test("is refused with the code of what is wrong", async () => {
    withHandlers(
      defineHandler("do", { data: z.object({ n: z.int() }), scope: "talk", handle: () => 1 }),
      defineHandler("rule", { data: z.unknown(), scope: "reign", handle: () => 1 }),
    );
    expect(await problem(send({ name: "none" }))).toMatchObject({ status: 404, code: "unknown_name" });
    expect(await problem(send({ name: "rule" }))).toMatchObject({ status: 403, code: "insufficient_scope" });
    expect(await problem(send({ name: "do", data: { n: "1" } }))).toMatchObject({
      status: 422,
      code: "invalid_data",
      errors: [{ path: "data.n" }],
    });
    expect(await problem(send({ name: "do", extra: 1 }))).toMatchObject({
      status: 400,
      code: "invalid_body",
    });
  });

  test("whose handler fails is told so, and no more", async () => {
    withHandlers(
      handler(() => {
        throw new Error("canary");
      }),
    );
    const failed = await quietly(() => problem(send({ name: "do" })));
    expect(failed).toMatchObject({ status: 500, code: "handler_failed" });
    expect(JSON.stringify(failed)).not.toContain("canary");
  });

  test("is refused while too many of the user's are handled", async () => {
    const user = aUser();
    const opened = Promise.withResolvers<string>();
    let begun = 0;
    withHandlers(
      handler(() => {
        begun += 1;
        return opened.promise;
      }),
    );
    const running = Array.from({ length: handlerLimits.maxRunning }, () => send({ name: "do" }, {}, user));
    await expect.poll(() => begun).toBe(running.length);
    const refused = await send({ name: "do" }, {}, user);
    expect(refused.headers.get("Retry-After")).toBe("1");
    expect(await problem(refused)).toMatchObject({ status: 429, code: "too_many_running" });
    opened.resolve("done");
    for (const response of running) expect(await (await response).json()).toEqual({ data: "done" });
  });
});
