import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { notification, workflowProgress } from "../../../src/define/built-in.ts";
import { defineMessage, defineMessages, type MessageOptions } from "../../../src/define/define-message.ts";
import { judge } from "../../../src/define/judge.ts";
import { nameOf } from "../../../src/define/name-of.ts";
import { DefinitionError } from "../../../src/define/registry.ts";
import { messageLimits } from "../../../src/limits.ts";
import { collapseKey, namePattern } from "../../../src/protocol/ids.ts";
import { publishedMessage } from "../../../src/protocol/message.ts";

function published(type: string, data?: unknown, more: object = {}) {
  return publishedMessage.parse({ to: { user: "alice" }, type, data, ...more });
}

/** A type with any data, and what is said of it. */
function odd(more: Omit<MessageOptions<z.ZodAny>, "data">) {
  return defineMessage("odd", { data: z.any(), ...more });
}

/** What a message of it gets, or what is wrong with it. */
function judged(definition: ReturnType<typeof odd>, more: object = {}) {
  return judge(published("odd", { n: 1 }, more), defineMessages(definition), "strict");
}

describe("a definition", () => {
  test.each<[string, () => unknown, string]>([
    [
      "of the hub's own type",
      () => defineMessage("hubbub.mine", { data: z.any() }),
      'defineMessage("hubbub.mine"): type must not begin with hubbub.',
    ],
    ["of a type that is no name", () => defineMessage("no name", { data: z.any() }), "type must be 1 to 128"],
    ["with a ttl that ends too late", () => odd({ ttl: messageLimits.maxTtlSeconds + 1 }), "ttl "],
    ["with a ttl of less than nothing", () => odd({ ttl: -1 }), "ttl "],
    ["with a category that is no name", () => odd({ category: "a b" }), "category must be 1 to 128"],
    [
      "that is wrong in several places",
      () => odd({ ttl: 0.5, category: "" }),
      "; category must be 1 to 128 characters",
    ],
    ["of a type twice", () => defineMessages(odd({}), notification, odd({})), "odd is defined twice"],
  ])("%s is refused", (_, define, words) => {
    expect(define).toThrow(DefinitionError);
    expect(define).toThrow(words);
  });

  test("is found by its type", () => {
    const messages = defineMessages(notification, workflowProgress);
    expect(messages.find("notification")).toBe(notification);
    expect(messages.find("constructor")).toBeUndefined();
    expect(messages.all).toEqual([notification, workflowProgress]);
  });
});

describe("where the publisher is silent", () => {
  test("a type says how its messages are delivered", () => {
    const type = odd({
      priority: "high",
      ttl: 60,
      collapseKey: ({ n }) => `odd:${n}`,
      category: ({ n }) => `of-${n}`,
      audience: "all",
    });
    expect(judged(type)).toEqual({
      ok: { priority: "high", ttl: 60, collapseKey: "odd:1", category: "of-1", reach: "all" },
    });
  });

  test("a type that says nothing leaves it at what the hub says", () => {
    expect(judged(odd({}))).toEqual({ ok: { priority: "normal", reach: "online" } });
    expect(judged(odd({ category: "fixed" }))).toMatchObject({ ok: { category: "fixed" } });
    expect(judged(odd({ collapseKey: () => undefined }))).toEqual({
      ok: { priority: "normal", reach: "online" },
    });
  });

  test("and nowhere else are the functions of the type asked", () => {
    const fails = () => {
      throw new Error("asked");
    };
    const own = { collapseKey: "own", category: "mine" };
    expect(judged(odd({ collapseKey: fails, category: fails }), own)).toMatchObject({ ok: own });
  });

  test.each<[string, MessageOptions<z.ZodAny>["collapseKey"], string]>([
    ["no name", () => "a b", "gives no valid collapseKey: must be 1 to 128 characters"],
    ["nothing that is a text", ({ n }) => n, "gives no valid collapseKey: "],
  ])("a function that gives %s makes bad data", (_, make, words) => {
    if (make === undefined) throw new Error("no function");
    for (const [what, definition] of Object.entries({
      collapseKey: odd({ collapseKey: make }),
      category: odd({ category: make }),
    })) {
      expect(judged(definition)).toEqual({
        code: "invalid_data",
        faults: [{ path: "data", message: expect.stringContaining(words.replace("collapseKey", what)) }],
      });
    }
  });

  test("a function that throws makes bad data, and its owner hears of it", () => {
    const thrown = new TypeError("secret");
    const make = () => {
      throw thrown;
    };
    for (const definition of [odd({ collapseKey: make }), odd({ category: make })]) {
      const verdict = judged(definition);
      expect(verdict).toMatchObject({ code: "invalid_data", faults: [{ path: "data" }], thrown });
      expect(JSON.stringify("faults" in verdict && verdict.faults)).not.toContain("secret");
    }
  });
});

describe("data", () => {
  const messages = defineMessages(notification, workflowProgress);
  const step = { workflow: "build-7", stage: "tests", status: "running", progress: 0.5 };
  const faultsOf = (type: string, data: unknown) => {
    const verdict = judge(published(type, data), messages, "permissive");
    return "faults" in verdict ? verdict.faults.map(({ path }) => path) : [];
  };

  test("is refused at the place where it is wrong", () => {
    expect(faultsOf("workflow.progress", step)).toEqual([]);
    expect(faultsOf("workflow.progress", { ...step, progress: 1.5, status: "asleep" })).toEqual([
      "data.status",
      "data.progress",
    ]);
    expect(faultsOf("workflow.progress", null)).toEqual(["data"]);
    expect(faultsOf("notification", { title: "" })).toEqual(["data.title"]);
    expect(faultsOf("notification", { title: "Hi", category: "a b" })).toEqual(["data.category"]);
    expect(faultsOf("notification", { title: "Hi", action: { label: "Go" } })).toEqual(["data.action.url"]);
  });

  test.each([
    ["https://example.com/a?b#c", []],
    ["/orders/7", []],
    ["javascript:alert(1)", ["data.action.url"]],
    ["//elsewhere.example.com", ["data.action.url"]],
    ["data:text/html,x", ["data.action.url"]],
    ["https://example.com/a b", ["data.action.url"]],
    ["HTTPS://example.com", []],
    ["/", []],
    ["/a//b?c=/d#e", []],
    ["/orders\\7", []],
    ["http://example.com/", ["data.action.url"]],
    ["https:elsewhere.example.com", ["data.action.url"]],
    ["https://", ["data.action.url"]],
    ["orders/7", ["data.action.url"]],
    ["", ["data.action.url"]],
    ["/\\elsewhere.example.com", ["data.action.url"]],
    ["\\\\elsewhere.example.com", ["data.action.url"]],
    ["\\/elsewhere.example.com", ["data.action.url"]],
    ["/\t/elsewhere.example.com", ["data.action.url"]],
    ["/\n/elsewhere.example.com", ["data.action.url"]],
    ["/\r\\elsewhere.example.com", ["data.action.url"]],
    ["\u0001//elsewhere.example.com", ["data.action.url"]],
    [" //elsewhere.example.com", ["data.action.url"]],
    ["/orders\u0000", ["data.action.url"]],
    ["/\u00e4", ["data.action.url"]],
    ["java\tscript:alert(1)", ["data.action.url"]],
    ["vbscript:x", ["data.action.url"]],
  ])("a notification that leads to %s has the faults %j", (url, faults) => {
    expect(faultsOf("notification", { title: "Hi", action: { url } })).toEqual(faults);
  });

  test("a notification leads by https, or to where the app itself is, as a browser reads it", () => {
    const piece = fc.constantFrom(
      "/",
      "\\",
      ":",
      ".",
      "?",
      "#",
      "@",
      "\t",
      "\n",
      " ",
      "https",
      "http",
      "evil.example",
      "a",
    );
    const url = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
    const here = "https://app.example";
    const goesOn = (text: string) => {
      const read = URL.parse(text, here);
      return (
        read === null || read.origin === here || (read.protocol === "https:" && text.startsWith("https://"))
      );
    };
    fc.assert(
      fc.property(
        fc.oneof(
          url,
          url.map((rest) => `/${rest}`),
          url.map((rest) => `https://${rest}`),
        ),
        (text) => {
          if (faultsOf("notification", { title: "Hi", action: { url: text } }).length === 0) {
            expect(goesOn(text)).toBe(true);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("of a schema that fails by itself is refused, and its owner hears of it", () => {
    const thrown = new Error("secret");
    const broken = defineMessage("broken", {
      data: z.any().refine(() => {
        throw thrown;
      }),
    });
    expect(judge(published("broken", 1), defineMessages(broken), "strict")).toEqual({
      code: "invalid_data",
      faults: [{ path: "data", message: "could not be checked: the schema of it failed" }],
      thrown,
    });
  });

  test("of a schema that can't answer at once is refused", () => {
    const slow = defineMessage("slow", { data: z.any().refine(async () => true) });
    expect(judge(published("slow", 1), defineMessages(slow), "strict")).toMatchObject({
      code: "invalid_data",
    });
  });
});

describe("the built-in types", () => {
  const messages = defineMessages(notification, workflowProgress);

  test("a notification takes its category from its data", () => {
    expect(
      judge(published("notification", { title: "Hi", category: "billing" }), messages, "strict"),
    ).toEqual({
      ok: { priority: "normal", reach: "online", category: "billing" },
    });
  });

  test("the progress of a workflow takes the place of what was told of it before, whatever its name", () => {
    const keyOf = (workflow: string) => {
      const data = { workflow, stage: "s", status: "starting", progress: 0 };
      const verdict = judge(published("workflow.progress", data), messages, "strict");
      return "ok" in verdict ? verdict.ok.collapseKey : undefined;
    };
    expect(keyOf("build-7")).toBe("workflow:build-7");
    expect(keyOf("acme/shop #7")).toBe("workflow:acme~2f~shop~20~~23~7");
    expect(new Set(["a b", "a~20~b", "a\u{1f600}", "a"].map(keyOf)).size).toBe(4);
    expect(collapseKey.safeParse(keyOf("x".repeat(100))).success).toBe(true);
  });

  test.each([
    "夜間バッチ処理：売上集計と在庫更新と請求書",
    "deploy the shop to production, eu-west-1 (blue/green), then warm up the caches & tell sales",
    "\u{1f600}".repeat(50),
  ])("a workflow of up to 100 characters may have any name: %s", (workflow) => {
    const data = { workflow, stage: "s", status: "running", progress: 0.5 };
    const verdict = judge(published("workflow.progress", data), messages, "strict");
    expect(verdict).toMatchObject({ ok: { collapseKey: expect.stringMatching(/^workflow:/) } });
  });
});

describe("a type that is not defined", () => {
  test("takes any data in a permissive hub, and is refused in a strict one", () => {
    const none = defineMessages();
    expect(judge(published("note", [1]), none, "permissive")).toEqual({
      ok: { priority: "normal", reach: "online" },
    });
    expect(judge(published("note", [1]), none, "strict")).toEqual({
      code: "unknown_type",
      faults: [{ path: "type", message: "is not defined in this hub" }],
    });
  });
});

describe("a type whose messages are never stored", () => {
  test("takes nothing that is for what is stored, unless its publisher gives a ttl", () => {
    const live = odd({ ttl: 0 });
    expect(judged(live, { receipts: false })).toMatchObject({ ok: { ttl: 0 } });
    expect(judged(live, { cancelOn: "read", receipts: true })).toMatchObject({
      code: "invalid_body",
      faults: [{ path: "cancelOn" }, { path: "receipts" }],
    });
    expect(judged(live, { cancelOn: "read", ttl: 60 })).toMatchObject({ ok: { ttl: 0 } });
  });
});

describe("a name made of any text", () => {
  test("has the letters of a name", () => {
    expect(nameOf("Zürich/7 ~")).toBe("Z~fc~rich~2f~7~20~~7e~");
    expect(nameOf("\ud800")).toBe("~d800~");
    expect(namePattern.test(nameOf("<script>"))).toBe(true);
  });

  test("keeps the beginning of what is too long, and a digest of all of it", () => {
    expect(nameOf("x".repeat(100))).toBe("x".repeat(100));
    expect(nameOf("x".repeat(101))).toMatch(/^x{76}~\.[\w-]{22}$/);
    // A code is never cut in two: it could be read as another one.
    expect(nameOf(`${"x".repeat(74)}${"é".repeat(30)}`)).toMatch(/^x{74}~\.[\w-]{22}$/);
  });

  test("is another one for every text, and leaves room for what stands before it", () => {
    const letter = fc.constantFrom("a", "Z", "é", "~", ".", " ", "\u{1f600}", "\ud800", "\ud801");
    const ending = fc.array(letter, { maxLength: 20 }).map((letters) => letters.join(""));
    const text = fc
      .tuple(fc.constantFrom("", "x".repeat(70), "x".repeat(90), "夜".repeat(20)), ending)
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, text, (one, other) => {
        const [name, another] = [nameOf(one), nameOf(other)];
        expect(name.length).toBeLessThanOrEqual(100);
        expect(/^[A-Za-z0-9_.@~:-]*$/.test(name)).toBe(true);
        expect(name === another).toBe(one === other);
        // Nor does what a name reads like give that name, unless it is the text itself.
        const read = name.replace(/~([0-9a-f]+)~/g, (_, code) =>
          String.fromCodePoint(Number.parseInt(code, 16)),
        );
        expect(nameOf(read) === name).toBe(read === one);
      }),
      { numRuns: 1_000 },
    );
  });
});
