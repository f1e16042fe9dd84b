import { afterEach, expect, test, vi } from "vitest";
import { Problem, problemResponse } from "../../../src/http/problem.ts";
import { hubErrorOf } from "../../../src/publisher/hub-error.ts";
import { problem } from "./model-hub.ts";

afterEach(() => {
  vi.useRealTimers();
});

test("a problem of the hub becomes an error with everything that it tells", async () => {
  const faults = [{ path: "to.user", message: "is empty" }];
  const error = await hubErrorOf(
    problemResponse(new Problem("invalid_body", "to.user: is empty", { faults }), "r-1"),
  );
  expect(error).toMatchObject({
    name: "HubError",
    message: "400 invalid_body: to.user: is empty",
    status: 400,
    code: "invalid_body",
    detail: "to.user: is empty",
    errors: faults,
    requestId: "r-1",
    retryAfterMs: undefined,
  });
});

test("the wait that the hub asks for is told in milliseconds", async () => {
  expect(
    await hubErrorOf(problemResponse(new Problem("lane_unavailable", "try again"), "r-1")),
  ).toMatchObject({
    code: "lane_unavailable",
    retryAfterMs: 2_000,
  });
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
  const dated = problem(429, { headers: { "Retry-After": "Thu, 01 Jan 2026 00:00:07 GMT" } });
  expect(await hubErrorOf(dated)).toMatchObject({ status: 429, retryAfterMs: 7_000 });
});

test("faults and an instance that are not what they should be are left out", async () => {
  const odd = problem(400, {
    errors: [{ path: "to" }, { path: "id", message: "is short" }, null],
    instance: 7,
  });
  expect(await hubErrorOf(odd)).toMatchObject({
    errors: [{ path: "id", message: "is short" }],
    requestId: undefined,
  });
  expect(await hubErrorOf(problem(400, { errors: "all of it" }))).toMatchObject({ errors: [] });
});

const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError("cut")) });
const asProblem = { "Content-Type": "application/problem+json" };

test.each([
  ["a page of something in between", new Response("<h1>Bad Gateway</h1>", { status: 502 }), 502],
  ["no type at all", new Response(null, { status: 502 }), 502],
  ["a body that is no JSON", new Response("{", { status: 500, headers: asProblem }), 500],
  ["a body that is no object", new Response("7", { status: 500, headers: asProblem }), 500],
  ["a problem without a code", new Response('{"detail":"no"}', { status: 400, headers: asProblem }), 400],
  ["a problem without a detail", new Response('{"code":"x"}', { status: 400, headers: asProblem }), 400],
  ["a body that breaks off", new Response(broken, { status: 503, headers: asProblem }), 503],
])("%s is an unexpected answer of which the status counts", async (_, response, status) => {
  const error = await hubErrorOf(response);
  expect(error).toMatchObject({ status, code: "unexpected_answer" });
  expect(error.message).not.toContain("Bad Gateway");
});
