import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { requestLimits } from "../../../src/limits.ts";
import { utf8Length } from "../../../src/protocol/json.ts";
import { bodyOf, type Chunk, type ChunkLimits, chunksOf } from "../../../src/publisher/chunks.ts";
import type { PublishMessage } from "../../../src/publisher/message.ts";

const user = fc.stringMatching(/^[a-z]{1,5}$/);
const message = fc.record({
  to: fc.oneof(fc.record({ user }), fc.record({ users: fc.array(user, { minLength: 1, maxLength: 7 }) })),
  type: fc.constant("n"),
  data: fc.string({ unit: "binary", maxLength: 40 }),
});
const limits = fc.record({
  maxMessages: fc.integer({ min: 1, max: 5 }),
  maxRecipients: fc.integer({ min: 1, max: 12 }),
  maxBodyBytes: fc.integer({ min: 40, max: 400 }),
});

function fits(
  messages: readonly PublishMessage[],
  { maxBodyBytes, maxMessages, maxRecipients }: ChunkLimits,
) {
  const users = messages.reduce((sum, { to }) => sum + ("users" in to ? to.users.length : 1), 0);
  return (
    messages.length <= maxMessages && users <= maxRecipients && utf8Length(bodyOf(messages)) <= maxBodyBytes
  );
}

test("a date in a batch is written as the hub takes it, and counted as it is written", () => {
  const dated = (deliverAt: number | Date) => [{ to: { user: "a" }, type: "n", deliverAt }];
  expect(bodyOf(dated(new Date(5_000)))).toBe(
    '{"messages":[{"to":{"user":"a"},"type":"n","deliverAt":5000}]}',
  );
  const maxBodyBytes = bodyOf([...dated(5_000), ...dated(5_000)]).length;
  const batch = [...dated(new Date(5_000)), ...dated(new Date(5_000))];
  expect(chunksOf(batch, "key", { maxMessages: 9, maxRecipients: 9, maxBodyBytes })).toHaveLength(1);
});

describe("a batch", () => {
  test("is cut into runs that hold every message once, in order, each as long as the limits allow", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), limits, (messages, bounds) => {
        const chunks = chunksOf(messages, "key", bounds);
        expect(chunks.flatMap(({ from, to }) => messages.slice(from, to))).toEqual(messages);
        for (const { from, to } of chunks) {
          expect(to - from === 1 || fits(messages.slice(from, to), bounds)).toBe(true);
          expect(to === messages.length || !fits(messages.slice(from, to + 1), bounds)).toBe(true);
        }
      }),
    );
  });

  test("has a key for each chunk, the same whenever it is cut, and its own for the first", () => {
    const three = Array.from({ length: 3 }, () => ({ to: { user: "alice" }, type: "n" }));
    const keys = () => chunksOf(three, "import-7", { ...requestLimits, maxMessages: 1 }).map(keyOf);
    expect(keys()).toEqual(["import-7", "import-7;from=1", "import-7;from=2"]);
    expect(keys()).toEqual(keys());
  });

  test("fills a request of the hub to its last byte, message and user, and no further", () => {
    const bare = { to: { user: "alice" }, type: "n" };
    const large = (bytes: number) => ({ ...bare, data: "x".repeat(bytes) });
    const room = requestLimits.maxBodyBytes - utf8Length(bodyOf([large(0), bare]));
    expect(chunksOf([large(room), bare], "k")).toHaveLength(1);
    expect(chunksOf([large(room + 1), bare], "k")).toHaveLength(2);
    expect(
      chunksOf(
        Array.from({ length: requestLimits.maxMessages }, () => bare),
        "k",
      ),
    ).toHaveLength(1);
    expect(
      chunksOf(
        Array.from({ length: requestLimits.maxMessages + 1 }, () => bare),
        "k",
      ),
    ).toHaveLength(2);
    const many = (users: number) => ({
      to: { users: Array.from({ length: users }, () => "bob") },
      type: "n",
    });
    expect(chunksOf([many(requestLimits.maxRecipients - 1), bare], "k")).toHaveLength(1);
    expect(chunksOf([many(requestLimits.maxRecipients), bare], "k")).toHaveLength(2);
  });

  test("is refused before anything is sent where JSON or a header can't say it", () => {
    const bare = { to: { user: "alice" }, type: "n" };
    expect(() => chunksOf([bare, { ...bare, data: 1n }], "k")).toThrow(TypeError);
    for (const key of ["", "two words", "Schlüssel", "line\n", "k".repeat(256)]) {
      expect(() => chunksOf([bare], key)).toThrow("1 to 255 visible ASCII characters");
    }
    // Long enough for one request, too long for the place of a second.
    const long = "k".repeat(250);
    expect(chunksOf([bare], long).map(keyOf)).toEqual([long]);
    expect(() => chunksOf([bare, bare], long, { ...requestLimits, maxMessages: 1 })).toThrow(TypeError);
  });
});

function keyOf({ idempotencyKey }: Chunk): string {
  return idempotencyKey;
}
