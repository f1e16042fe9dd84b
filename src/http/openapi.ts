/** `GET /openapi.json`: the description of the API, made of the schemas that validate it. */
import { publishedMessage, publishRequest } from "../protocol/message.ts";
import type { Handler } from "./context.ts";
import { jsonText } from "./json-text.ts";
import * as answers from "./openapi/answers.ts";
import { deadLetterOperations } from "./openapi/dead-letters.ts";
import { deploymentOperations } from "./openapi/deployment.ts";
import { openApiDocument } from "./openapi/document.ts";
import { messageOperations } from "./openapi/messages.ts";
import type { Operations } from "./openapi/operation.ts";
import { topicOperations } from "./openapi/topics.ts";
import { userOperations } from "./openapi/users.ts";

/** All of them. A test holds their paths and methods against the route table. */
export const operations: Operations = {
  ...messageOperations,
  ...userOperations,
  ...topicOperations,
  ...deadLetterOperations,
  ...deploymentOperations,
};

const about = {
  title: "Hubbub",
  version: "1",
  description:
    "A real-time notification hub. Errors are `application/problem+json` (RFC 9457) with a stable `code`. Times are milliseconds since 1970.",
};

let document: string | undefined;

/** Made at the first request, and the same from then on. */
export const openApi: Handler = () => {
  document ??= JSON.stringify(
    openApiDocument(
      about,
      operations,
      { Message: publishedMessage, PublishRequest: publishRequest },
      { Receipt: answers.receipt, ReadState: answers.readState },
    ),
  );
  return jsonText(document);
};
