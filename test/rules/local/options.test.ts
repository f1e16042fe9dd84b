import { describe, expect, test } from "vitest";
import { mintApiKey, scopes } from "../../../src/auth/api-key.ts";
import { keyFrom, listenerFrom, portFrom, userFrom } from "../../../src/local/options.ts";

describe("npm start", () => {
  test("takes a port, by default 8787", () => {
    expect(portFrom([])).toBe(8787);
    expect(portFrom(["--port", "9000"])).toBe(9000);
  });

  test.each([[["--port", "0"]], [["--port", "65536"]], [["--port", "x"]], [["--prot", "1"]], [["9000"]]])(
    "tells how it is used when given %j",
    (args) => {
      expect(() => portFrom(args)).toThrow("Usage: npm start");
    },
  );
});

describe("dev:env", () => {
  test("takes a user, by default alice", () => {
    expect(userFrom([])).toBe("alice");
    expect(userFrom(["bob"])).toBe("bob");
  });

  test.each([[["b/b"]], [["bob", "carol"]]])("tells how it is used when given %j", (args) => {
    expect(() => userFrom(args)).toThrow("Usage: npm run --silent dev:env");
  });
});

describe("listen", () => {
  test("takes a user and perhaps a device", () => {
    expect(listenerFrom(["bob"])).toEqual({ user: "bob", device: undefined });
    expect(listenerFrom(["bob", "phone"])).toEqual({ user: "bob", device: "phone" });
  });

  test.each([[[]], [["b b"]], [["bob", "my phone"]], [["bob", "phone", "more"]]])(
    "tells how it is used when given %j",
    (args) => {
      expect(() => listenerFrom(args)).toThrow("Usage: npm run listen");
    },
  );
});

describe("keys", () => {
  test("takes scopes, or all of them", () => {
    expect(keyFrom(["tokens", "publish"])).toEqual({ granted: ["publish", "tokens"], existing: [] });
    expect(keyFrom(["all"]).granted).toEqual(scopes);
  });

  test("takes the topics that the key is for", () => {
    expect(keyFrom(["publish", "--topics", "team.*,news"]).topics).toEqual(["team.*", "news"]);
    const { record } = mintApiKey(["publish"]);
    const merged = keyFrom(["topics", "--topics", "news", "--merge", JSON.stringify([record])]);
    expect(merged).toEqual({ granted: ["topics"], topics: ["news"], existing: [record] });
  });

  test("takes the keys so far along", () => {
    const { record } = mintApiKey(["publish"]);
    expect(keyFrom(["tokens", "--merge", JSON.stringify([record])]).existing).toEqual([record]);
  });

  test("says what is wrong with the keys so far", () => {
    expect(() => keyFrom(["tokens", "--merge", "[{]"])).toThrow("What --merge was given is not JSON.");
  });

  test.each([[[]], [["publish", "everything"]], [["--scope", "publish"]], [["publish", "--topics", "a,,b"]]])(
    "tells how it is used when given %j",
    (args) => {
      expect(() => keyFrom(args)).toThrow("Usage: npm run keys");
    },
  );
});
