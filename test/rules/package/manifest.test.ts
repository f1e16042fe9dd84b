import { expect, it } from "vitest";
import { declarationOf, manifestOf, readmeOf } from "../../../src/package/manifest.ts";
import { readSource } from "../../../src/package/source.ts";

const source = {
  name: "hubbub",
  version: "1.2.3",
  description: "A hub.",
  license: "Apache-2.0",
  exports: { "./client": "./src/client/index.ts", "./messages": { types: "./src/messages.ts" } },
} as const;

it("a package.json says where the entry and its declarations are, and nothing of how the project is built", () => {
  expect(manifestOf(source)).toEqual({
    name: "hubbub",
    version: "1.2.3",
    description: "A hub.",
    license: "Apache-2.0",
    type: "module",
    sideEffects: false,
    exports: {
      "./client": { types: "./types/client/index.d.ts", default: "./client.js" },
      "./messages": { types: "./types/messages.d.ts" },
      "./package.json": "./package.json",
    },
    engines: { node: ">=22" },
  });
});

it("declarations are laid out as the sources are", () => {
  expect(declarationOf("src/client/page/src/tabs.ts")).toBe("types/client/page/src/tabs.d.ts");
});

it("the package has an entry for devices, one for servers, one for the receipts that they get, and the types of messages", async () => {
  expect(Object.keys((await readSource()).exports)).toEqual([
    "./client",
    "./publisher",
    "./receipts",
    "./messages",
  ]);
});

it("a README is the project's introduction and the pages, without links to files that the package lacks", () => {
  const project = "# Hubbub\n\nA hub, see [the API](docs/api.md).\n\n## A minute\n\nNot here.\n";
  const page = "# The client\n\n[Frames](protocol.md#ack), [below](#runtimes), [Deno](https://deno.com).\n";
  expect(readmeOf(project, [page])).toBe(
    "# Hubbub\n\nA hub, see the API.\n\n# The client\n\nFrames, [below](#runtimes), [Deno](https://deno.com).\n",
  );
});
