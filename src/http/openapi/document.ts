/**
 * The OpenAPI 3.1 document: put together from the operations and the schemas that they name. Its schemas
 * are JSON Schema 2020-12, which is what OpenAPI 3.1 takes; those with a name of their own are shared as
 * components. Pure.
 */
import { z } from "zod";
import { type ProblemCode, problems } from "../problem.ts";
import { problemBody } from "./answers.ts";
import { type Answer, type Operation, type Operations, tags } from "./operation.ts";

/** Where a shared schema stands in the document. */
const placeOf = (name: string) => `#/components/schemas/${name}`;

export interface Named {
  readonly [name: string]: z.ZodType;
}

/** What is said of the API as a whole. */
export interface About {
  readonly title: string;
  readonly version: string;
  readonly description: string;
}

/** @param requests schemas of bodies that are shared, as they are sent; `answers` those of answers, as they are given */
export function openApiDocument(
  about: About,
  operations: Operations,
  requests: Named,
  answers: Named,
): Record<string, unknown> {
  const asked = componentsOf(requests, "input");
  const given = componentsOf({ ...answers, Problem: problemBody }, "output");
  const paths = Object.entries(operations).map(([path, methods]) => [
    path.replace(/:(\w+)/g, "{$1}"),
    Object.fromEntries(
      Object.entries(methods).map(([method, operation]) => [
        method.toLowerCase(),
        operationOf(operation, asked.schemaOf, given.schemaOf),
      ]),
    ),
  ]);
  return {
    openapi: "3.1.0",
    info: about,
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: {
        apiKey: {
          type: "http",
          scheme: "bearer",
          description: "An API key of a server; its scopes say what it opens.",
        },
        connectToken: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "The connect token of a device; it opens what is its own user's.",
        },
      },
      schemas: { ...asked.schemas, ...given.schemas },
    },
  };
}

type SchemaOf = (schema: z.ZodType) => unknown;

/** The shared schemas, and a way to write any schema of the same direction with references to them. */
function componentsOf(named: Named, io: "input" | "output"): { schemas: object; schemaOf: SchemaOf } {
  const registry = z.registry<{ id: string }>();
  const names = new Map<z.ZodType, string>();
  for (const [id, schema] of Object.entries(named)) {
    registry.add(schema, { id });
    names.set(schema, id);
  }
  // What JSON Schema can't say, such as a transformation, is left open rather than left out.
  const options = { io, uri: placeOf, unrepresentable: "any" } as const;
  const { schemas } = z.toJSONSchema(registry, options);
  const schemaOf = (schema: z.ZodType) => {
    const name = names.get(schema);
    return name === undefined
      ? bare(z.toJSONSchema(schema, { ...options, metadata: z.registry() }))
      : { $ref: placeOf(name) };
  };
  return {
    schemas: Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, bare(schema)])),
    schemaOf,
  };
}

/** Without the words by which a schema introduces itself: in a document it has its place. */
function bare({ $schema: _schema, $id: _id, ...schema }: z.core.JSONSchema.BaseSchema): object {
  return schema;
}

function operationOf(operation: Operation, asked: SchemaOf, given: SchemaOf): object {
  const { id, tag, summary, description, body, bodyOptional } = operation;
  const parameters = [
    ...parametersOf("path", operation.path, asked),
    ...parametersOf("query", operation.query, asked),
    ...parametersOf("header", operation.headers, asked),
  ];
  const ok = Object.entries(operation.answers).map(([status, answer]) => [status, answerOf(answer, given)]);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    security: securityOf(operation),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: bodyOptional !== true,
            content: { "application/json": { schema: asked(body) } },
          },
        }),
    responses: { ...Object.fromEntries(ok), ...problemsOf(operation) },
  };
}

function parametersOf(place: "path" | "query" | "header", schema: z.ZodObject | undefined, asked: SchemaOf) {
  return Object.entries(schema?.shape ?? {}).map(([name, field]) => ({
    name,
    in: place,
    required: place === "path" || !field.safeParse(undefined).success,
    schema: asked(field),
  }));
}

function answerOf({ description, body, media = "application/json" }: Answer, given: SchemaOf): object {
  return body === undefined
    ? { description }
    : { description, content: { [media]: { schema: given(body) } } };
}

function securityOf({ asker }: Operation): object[] {
  if (asker === "anybody") return [];
  const self = asker.self === true ? [{ connectToken: [] }] : [];
  return "scope" in asker ? [{ apiKey: asker.scope === null ? [] : [asker.scope] }, ...self] : self;
}

/** What any route may answer, whoever asks for whatever. */
const anywhere: readonly ProblemCode[] = ["url_too_long", "internal", "user_unavailable", "misconfigured"];

/** The problems of an operation, by status: those that it names, and those that follow from what it takes. */
function problemsOf(operation: Operation): object {
  const { asker, body, path, query, headers } = operation;
  const codes = new Set<ProblemCode>([
    ...(operation.problems ?? []),
    ...(asker === "anybody" ? [] : (["unauthenticated", "wrong_credential_type"] as const)),
    ...(asker !== "anybody" && "scope" in asker ? (["api_key_invalid", "insufficient_scope"] as const) : []),
    ...(asker !== "anybody" && asker.self === true
      ? (["token_invalid", "token_expired", "forbidden", "token_too_long"] as const)
      : []),
    ...(body === undefined ? [] : (["invalid_body", "too_large", "unsupported_media_type"] as const)),
    ...((path ?? query ?? headers) ? (["invalid_request"] as const) : []),
    ...anywhere,
  ]);
  const byStatus = Map.groupBy(codes, (code) => problems[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, of]) => [
      status,
      {
        description: of.map((code) => `\`${code}\`: ${problems[code].title}.`).join("\n"),
        content: { "application/problem+json": { schema: { $ref: placeOf("Problem") } } },
      },
    ]),
  );
}
