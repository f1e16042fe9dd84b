/** What the hub makes of a message by its type: defaults, faults with their place, and the two ways with unknown types. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineMessage } from "../../src/define/define-message.ts";
import { accepted, api, inboxOf, problem, publish, quietly } from "../support/api.ts";
import { connect } from "../support/connect.ts";
import { withMessages } from "../support/definitions.ts";
import { aUser } from "../support/device.ts";

const strict = { bindings: { MESSAGE_TYPES: "strict" } };
const to = { user: "alice" };
const step = { workflow: "build-7", stage: "tests", status: "running", progress: 0.5 };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a message of a type that is defined", () => {
  test("with bad data is refused, and the place of the fault is named", async () => {
    const refused = await problem(
      publish({ to, type: "workflow.progress", data: { ...step, progress: 50 } }),
    );
    expect(refused).toMatchObject({
      status: 422,
      code: "invalid_data",
      errors: [{ path: "data.progress", message: expect.stringContaining("<=1") }],
    });
    expect(refused.detail).toMatch(/^data\.progress: /);
  });

  test("in a batch is refused with the whole of it, and every fault is named at once", async () => {
    const user = aUser();
    const good = { to: { user }, type: "note", priority: "critical" };
    const bad = { to, type: "workflow.progress", data: { ...step, progress: 2, status: "asleep" } };
    const refused = await problem(publish({ messages: [good, bad, { to, type: "notification" }] }));
    expect(refused).toMatchObject({ status: 422, code: "invalid_data" });
    expect(refused.errors?.map(({ path }) => path)).toEqual([
      "messages[1].data.status",
      "messages[1].data.progress",
      "messages[2].data",
    ]);
    expect(await inboxOf(user)).toEqual([]);
  });

  test("arrives as it was published, with what its type does not know", async () => {
    const user = aUser();
    const data = { title: "Hello", body: "  ", campaign: [1, null] };
    await accepted(publish({ to: { user }, type: "notification", data, priority: "critical" }));
    expect(await inboxOf(user)).toMatchObject([{ data }]);
  });

  test("is delivered as its type says, where its publisher is silent", async () => {
    withMessages(
      defineMessage("door", {
        data: z.object({ open: z.boolean() }),
        priority: "critical",
        ttl: 60,
        category: "security",
      }),
    );
    const user = aUser();
    const receipt = await accepted(publish({ to: { user }, type: "door", data: { open: true } }));
    expect(receipt).toMatchObject({ state: "settled", results: [{ user, state: "delivered", seq: 1 }] });
    const late = await accepted(
      publish({ to: { user }, type: "door", data: { open: false }, priority: "low", ttl: 3_600 }),
    );
    expect(late).toMatchObject({ state: "queued", ttl: 3_600 });
    expect(Number(late.expires) - Number(receipt.expires)).toBeGreaterThan(3_000_000);
  });

  test("whose ttl is 0 is for who is connected, and takes nothing that is for what is stored", async () => {
    withMessages(defineMessage("typing", { data: z.null(), ttl: 0, priority: "critical" }));
    const user = aUser();
    expect(await accepted(publish({ to: { user }, type: "typing" }))).toMatchObject({
      results: [{ state: "live", devices: 0 }],
    });
    const refused = await problem(publish({ messages: [{ to, type: "typing", cancelOn: "read" }] }));
    expect(refused).toMatchObject({ status: 400, code: "invalid_body" });
    expect(refused.errors).toMatchObject([{ path: "messages[0].cancelOn" }]);
  });

  test("whose definition fails is refused, and the log has the name of the error alone", async () => {
    withMessages(
      defineMessage("keyed", {
        data: z.any(),
        collapseKey: (data) => {
          if (data === "throw") throw new RangeError(`canary ${data}`);
          return data;
        },
      }),
    );
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    for (const data of ["throw", "no key", 7]) {
      expect(await problem(publish({ to, type: "keyed", data }))).toMatchObject({
        status: 422,
        code: "invalid_data",
        errors: [{ path: "data" }],
      });
    }
    expect(error.mock.calls.map(([line]) => JSON.parse(line))).toEqual([
      { level: "error", event: "definition_failed", code: "keyed", error: "RangeError" },
    ]);
    await accepted(publish({ to, type: "keyed", data: "a-key" }));
    await accepted(publish({ to, type: "keyed", data: "throw", collapseKey: "own" }));
  });
});

test("of the steps of a workflow a device that was away gets the latest of each", async () => {
  const user = aUser();
  const publishStep = (workflow: string, progress: number) =>
    accepted(
      publish({
        to: { user },
        type: "workflow.progress",
        data: { ...step, workflow, progress },
        priority: "critical",
      }),
    );
  for (const progress of [0.1, 0.5, 1]) await publishStep("acme/shop #7", progress);
  await publishStep("acme/shop #8", 0.2);
  const device = await connect(user);
  await device.until(() => device.cursor === 4);
  const got = device.all("messages").flatMap(({ messages }) => messages.map(({ data }) => data));
  expect(got).toMatchObject([
    { workflow: "acme/shop #7", progress: 1 },
    { workflow: "acme/shop #8", progress: 0.2 },
  ]);
  device.close();
});

describe("a type that nobody defined", () => {
  test("takes any data in a permissive hub", async () => {
    await accepted(publish({ to, type: "note", data: { progress: 7 } }));
  });

  test("is refused by a strict one, with the place in a batch, and what is defined is not", async () => {
    const refused = await problem(publish({ to, type: "note" }, strict));
    expect(refused).toMatchObject({ status: 422, code: "unknown_type", errors: [{ path: "type" }] });
    const mixed = [
      { to, type: "notification", data: { title: "Hello" } },
      { to, type: "note" },
      { to, type: "notification", data: {} },
    ];
    expect(await problem(publish({ messages: mixed }, strict))).toMatchObject({
      code: "unknown_type",
      errors: [{ path: "messages[1].type" }, { path: "messages[2].data.title" }],
    });
    await accepted(publish(mixed[0], strict));
  });

  test("and is one of the hub's own is refused by both", async () => {
    for (const call of [{}, strict]) {
      expect(await problem(publish({ to, type: "hubbub.withdrawn" }, call))).toMatchObject({
        status: 400,
        code: "invalid_body",
        errors: [{ path: "type" }],
      });
    }
  });

  test("makes no difference to a hub that says neither: it does not serve", async () => {
    const answer = await quietly(() =>
      problem(api("GET", "/health", { bindings: { MESSAGE_TYPES: "lenient" } })),
    );
    expect(answer).toMatchObject({ code: "misconfigured", detail: expect.stringContaining("MESSAGE_TYPES") });
  });
});
