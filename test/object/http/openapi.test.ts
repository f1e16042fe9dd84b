import { describe, expect, test } from "vitest";
import { routes } from "../../../src/http/app.ts";
import * as answers from "../../../src/http/openapi/answers.ts";
import { openApiDocument } from "../../../src/http/openapi/document.ts";
import { operations } from "../../../src/http/openapi.ts";
import { problems } from "../../../src/http/problem.ts";
import { publishedMessage, publishRequest } from "../../../src/protocol/message.ts";

const named = { Message: publishedMessage, PublishRequest: publishRequest };
const about = { title: "Hubbub", version: "1", description: "" };
const document = openApiDocument(about, operations, named, { Receipt: answers.receipt });
const text = JSON.stringify(document);

describe("the description of the API", () => {
  test("names every route with every method, and no other", () => {
    const methodsOf = (table: Readonly<Record<string, object>>) =>
      Object.entries(table)
        .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
        .sort();
    expect(methodsOf(operations)).toEqual(methodsOf(routes));
  });

  test("names each operation once", () => {
    const ids = Object.values(operations).flatMap((methods) => Object.values(methods).map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("asks for every part of a path as a parameter", () => {
    for (const [path, methods] of Object.entries(operations)) {
      const parts = [...path.matchAll(/:(\w+)/g)].map(([, part]) => part);
      for (const operation of Object.values(methods)) {
        expect(Object.keys(operation.path?.shape ?? {}), path).toEqual(parts);
      }
    }
  });

  test("refers to nothing that it does not hold", () => {
    const refs = new Set(
      [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, ref]) => ref),
    );
    const { components } = Object(document);
    const { schemas } = components;
    expect(refs.size).toBeGreaterThan(2);
    expect(Object.keys(schemas)).toEqual(expect.arrayContaining([...refs]));
  });

  test("says what a body may hold as the schema that validates it says", () => {
    const { paths, components } = Object(document);
    const { post } = paths["/v1/messages"];
    expect(post.requestBody.content["application/json"].schema).toEqual({
      $ref: "#/components/schemas/PublishRequest",
    });
    const message = components.schemas.Message;
    expect(Object.keys(message.properties)).toEqual(Object.keys(publishedMessage.shape));
    expect(message).toMatchObject({ required: ["to", "type"], additionalProperties: false });
  });

  test("tells the problems of a route by their status, with their codes", () => {
    const { paths } = Object(document);
    const { responses } = paths["/v1/dead-letters/{key}/redrive"].post;
    expect(Object.keys(responses)).toEqual(
      expect.arrayContaining(["202", "400", "401", "403", "404", "409", "503"]),
    );
    expect(responses["409"].description).toContain("`too_old`");
    const codes = new Set([...text.matchAll(/`([a-z_]+)`: /g)].map(([, code]) => code ?? ""));
    for (const code of codes) expect(Object.keys(problems)).toContain(code);
  });
});
