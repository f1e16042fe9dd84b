import { describe, expect, test } from "vitest";
import { z } from "zod";
import { readBody, readOptionalBody } from "../../../src/http/body.ts";

const type = { "Content-Type": "application/json" };

function post(body: BodyInit | null, headers: Record<string, string> = type): Request {
  // Node asks for `duplex` with a stream; the type of a Worker's request does not know it.
  const init = { method: "POST", headers, body, duplex: "half" };
  return new Request("https://hub.example.com/", init);
}

describe("a JSON body", () => {
  test("is read whatever the pieces it comes in", async () => {
    const text = JSON.stringify({ text: "äöü 👩 \u2028" });
    const bytes = new TextEncoder().encode(text);
    const dripping = new ReadableStream({
      start: (controller) => {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    expect(await readBody(post(dripping), z.unknown(), 1_000)).toEqual(JSON.parse(text));
  });

  test("may be as long as the limit, and no longer", async () => {
    expect(await readBody(post('"12345678"'), z.string(), 10)).toBe("12345678");
    await expect(readBody(post('"123456789"'), z.string(), 10)).rejects.toMatchObject({ code: "too_large" });
    const lying = post('"123456789"', { ...type, "Content-Length": "5" });
    await expect(readBody(lying, z.string(), 10)).rejects.toMatchObject({ code: "too_large" });
  });

  test.each(["\xff", "\xc3", "\xed\xa0\x80"])("of bytes that are no UTF-8 is refused", async (bytes) => {
    const body = Buffer.from(`"${bytes}"`, "latin1");
    await expect(readBody(post(body), z.unknown(), 100)).rejects.toMatchObject({ code: "invalid_body" });
  });

  test("that ends within a character is refused", async () => {
    const body = Buffer.from('"\xc3', "latin1");
    await expect(readBody(post(body), z.unknown(), 100)).rejects.toMatchObject({ code: "invalid_body" });
  });

  test("that is missing is refused", async () => {
    await expect(readBody(post(null), z.unknown(), 100)).rejects.toMatchObject({ code: "invalid_body" });
  });

  test("of another type, or none, is refused", async () => {
    for (const headers of [
      { "Content-Type": "text/plain" },
      { "Content-Type": "" },
      { ...type, "Content-Encoding": "br" },
    ]) {
      await expect(readBody(post("1", headers), z.unknown(), 100)).rejects.toMatchObject({
        code: "unsupported_media_type",
      });
    }
  });

  test("whose stream breaks is no fault of the sender's text", async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error("connection lost")) });
    await expect(readBody(post(body), z.unknown(), 100)).rejects.toThrow("connection lost");
  });
});

describe("a JSON body that may be left out", () => {
  const schema = z.object({ presence: z.boolean().optional() });
  const put = (body: BodyInit | null, type = "application/json") =>
    new Request("https://hub/", { method: "PUT", body, headers: { "Content-Type": type } });

  test("is left out by a request without one, and by one whose body is empty", async () => {
    expect(await readOptionalBody(put(null), schema, 100)).toEqual({});
    expect(await readOptionalBody(put("", "text/plain"), schema, 100)).toEqual({});
  });

  test("is read like any other where there is one", async () => {
    expect(await readOptionalBody(put('{"presence":true}'), schema, 100)).toEqual({ presence: true });
    await expect(readOptionalBody(put("{"), schema, 100)).rejects.toMatchObject({ code: "invalid_body" });
    await expect(readOptionalBody(put("{}", "text/plain"), schema, 100)).rejects.toMatchObject({
      code: "unsupported_media_type",
    });
  });
});
