/** Holds the answers of the API against its description: none may hold, or be, what that does not say. */
import { isDeepStrictEqual } from "node:util";
import { openApiDocument } from "../../src/http/openapi/document.ts";
import type { Operation } from "../../src/http/openapi/operation.ts";
import { operations } from "../../src/http/openapi.ts";

const described = Object.entries(operations).map(([path, methods]) => ({
  pattern: new RegExp(`^${path.replace(/:\w+/g, "[^/]+")}$`),
  methods: new Map(Object.entries(methods)),
  problems: problemsOf(path),
}));

/** The texts on problems, by method and status. */
function problemsOf(path: string): ReadonlyMap<string, string> {
  const methods = operations[path] ?? {};
  const { paths } = openApiDocument({ title: "", version: "", description: "" }, { [path]: methods }, {}, {});
  const [operationsOfPath = {}] = Object.values(Object(paths));
  return new Map(
    Object.entries(Object(operationsOfPath)).flatMap(([method, operation]) =>
      Object.entries(Object(Object(operation).responses)).map(([status, answer]): [string, string] => [
        `${method.toUpperCase()} ${status}`,
        String(Object(answer).description),
      ]),
    ),
  );
}

/** What of an answer the description does not say; `undefined` for what is no operation's. */
export async function undescribed(request: Request, response: Response): Promise<string | undefined> {
  const { pathname } = new URL(request.url);
  const route = described.find(({ pattern }) => pattern.test(pathname));
  const operation = route?.methods.get(request.method);
  if (route === undefined || operation === undefined) return undefined;
  const name = `${request.method} ${pathname} ${response.status}`;
  const answer = operation.answers[response.status];
  if (answer === undefined) {
    const { code } = Object(await response.clone().json());
    const known = route.problems.get(`${request.method} ${response.status}`) ?? "";
    return known.includes(`\`${code}\``) ? undefined : `${name} is not described with ${code}`;
  }
  if (response.status === 101) return undefined;
  if (answer.body === undefined) return response.body === null ? undefined : `${name} has a body`;
  if (!response.headers.get("Content-Type")?.startsWith(answer.media ?? "application/json")) {
    return `${name} is of another type`;
  }
  return undescribedBody(name, answer.body, await response.clone().text(), answer.media);
}

function undescribedBody(
  name: string,
  schema: NonNullable<Operation["answers"][number]["body"]>,
  text: string,
  media: string | undefined,
): string | undefined {
  const lines = media === "application/x-ndjson" ? text.trim().split("\n") : [text];
  for (const line of lines) {
    const value: unknown = JSON.parse(line);
    const parsed = schema.safeParse(value);
    if (!parsed.success) return `${name}: ${parsed.error.message} in ${line}`;
    // What the schema does not know, it leaves out.
    if (!isDeepStrictEqual(parsed.data, value)) return `${name} says more than is described: ${line}`;
  }
  return undefined;
}
