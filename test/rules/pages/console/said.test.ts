import { expect, test } from "vitest";
import { UnreadableAnswer } from "../../../../src/pages/console/answers.ts";
import { nextLookMs, saidOf } from "../../../../src/pages/console/said.ts";
import { HubError } from "../../../../src/publisher/hub-error.ts";

const refusal = new HubError(403, {
  code: "insufficient_scope",
  detail: "this route takes an API key with the scope publish",
  requestId: "11",
});

test("a refusal is told in the hub's words, with its code", () => {
  expect(saidOf(refusal)).toBe("This route takes an API key with the scope publish (insufficient_scope).");
});

test("a failure of the hub is told with the id that its log has", () => {
  const error = new HubError(503, { code: "user_unavailable", detail: "try again", requestId: "11" });
  expect(saidOf(error)).toBe("Try again (user_unavailable, request 11).");
  const unknown = new HubError(502, { code: "unexpected_answer", detail: "not an answer of a hub" });
  expect(saidOf(unknown)).toBe("Not an answer of a hub (unexpected_answer).");
});

test("no answer, and one that can't be read, are told apart", () => {
  expect(saidOf(new TypeError("Failed to fetch"))).toBe("The hub gave no answer.");
  expect(saidOf(new UnreadableAnswer("It could not be read."))).toBe("It could not be read.");
});

test("a hub that fails is left alone twice as long each time, up to a minute", () => {
  const error = new TypeError("Failed to fetch");
  expect([0, 1, 2, 3].map((failures) => nextLookMs(3_000, failures, error))).toEqual([
    3_000, 6_000, 12_000, 24_000,
  ]);
  expect(nextLookMs(3_000, 1_000, error)).toBe(60_000);
});

test("and at least as long as it asks for", () => {
  const error = new HubError(503, { code: "lane_unavailable", detail: "", retryAfterMs: 30_000 });
  expect(nextLookMs(3_000, 1, error)).toBe(30_000);
  expect(nextLookMs(3_000, 1, refusal)).toBe(6_000);
});
