import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { derivedId, idempotencyKeyOf, timeOrderedId } from "../../../src/http/message-ids.ts";

describe("an id derived from an Idempotency-Key", () => {
  test("is the same for a retry, and another one for every other key, place and publisher", () => {
    const id = derivedId("key00001", "order-17", 0);
    expect(derivedId("key00001", "order-17", 0)).toBe(id);
    const others = [
      derivedId("key00001", "order-17", 1),
      derivedId("key00001", "order-1", 70),
      derivedId("key00002", "order-17", 0),
    ];
    expect(new Set([id, ...others]).size).toBe(4);
    expect(id).toMatch(/^[A-Za-z0-9_-]{27}$/);
  });
});

describe("a time-ordered id", () => {
  test("is the UUIDv7 of RFC 9562, appendix A.6", () => {
    const random = new Uint8Array([
      0, 0, 0, 0, 0, 0, 0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f,
    ]);
    expect(timeOrderedId(0x017f22e279b0, random)).toBe("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  });

  test("sorts by the time it was made at", () => {
    const time = fc.nat(2 ** 48 - 1);
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(time, time, bytes, bytes, (a, b, one, other) => {
        fc.pre(a < b);
        expect(timeOrderedId(a, one) < timeOrderedId(b, other)).toBe(true);
      }),
    );
  });
});

describe("an Idempotency-Key", () => {
  test("is optional", () => {
    expect(idempotencyKeyOf(new Headers())).toBeUndefined();
  });

  test("is visible ASCII of up to 255 characters", () => {
    expect(idempotencyKeyOf(new Headers({ "Idempotency-Key": '"order-17"' }))).toBe('"order-17"');
    expect(idempotencyKeyOf(new Headers({ "Idempotency-Key": "k".repeat(255) }))).toHaveLength(255);
    for (const bad of ["", "a b", "é", "k".repeat(256)]) {
      expect(() => idempotencyKeyOf(new Headers({ "Idempotency-Key": bad }))).toThrow("visible ASCII");
    }
  });
});
