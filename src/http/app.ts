/**
 * The API: which path and method is answered by what, and the rules that hold for every request. A
 * request that breaks one of them is told so by a problem, whatever its path.
 */
import { Hono } from "hono";
import { requestLimits } from "../limits.ts";
import { settingsOf } from "../settings.ts";
import { connect } from "./connect.ts";
import type { Handler, Hub } from "./context.ts";
import { cors } from "./cors.ts";
import { discard, listDeadLetters, redrive } from "./dead-letters.ts";
import { exportUser } from "./export.ts";
import { bodyHeaders } from "./json-text.ts";
import { ownKey } from "./key.ts";
import { listLanes } from "./lanes.ts";
import { messageReceipts } from "./message-receipts.ts";
import { openApi } from "./openapi.ts";
import { forgetPreferences, preferences, setPreferences } from "./preferences.ts";
import { presenceOfMany } from "./presence.ts";
import { Problem, problemOf, problemResponse } from "./problem.ts";
import { publish } from "./publish.ts";
import { retract } from "./retract.ts";
import { send } from "./send.ts";
import { mintToken } from "./tokens.ts";
import {
  deleteMember,
  joinTopic,
  leaveTopic,
  listMembers,
  member,
  postMembers,
  putMember,
  topicCount,
  userTopics,
} from "./topics.ts";
import { disconnect, erase, inbox, message, presence, read } from "./users.ts";

/** The process answers and is configured; of the lanes and objects it says nothing. */
const health: Handler = (context) => context.json({ status: "healthy" });

type Routes = Readonly<Record<string, Readonly<Record<string, Handler>>>>;

/** What a device's own token opens, from pages of allowed origins too. */
const deviceRoutes: Routes = {
  "/v1/users/:user/messages": { GET: inbox },
  "/v1/users/:user/messages/:id": { GET: message },
  "/v1/users/:user/read": { POST: read },
  "/v1/users/:user/send": { POST: send },
  "/v1/users/:user/topics": { GET: userTopics },
  "/v1/users/:user/topics/:topic": { PUT: joinTopic, DELETE: leaveTopic },
  "/v1/users/:user/preferences": { GET: preferences, PUT: setPreferences, DELETE: forgetPreferences },
};

/** Which methods each path answers, and by what. */
export const routes: Routes = {
  ...deviceRoutes,
  "/health": { GET: health },
  "/openapi.json": { GET: openApi },
  "/v1/key": { GET: ownKey },
  "/v1/messages": { POST: publish },
  "/v1/messages/:id/retract": { POST: retract },
  "/v1/messages/:id": { GET: messageReceipts },
  "/v1/tokens": { POST: mintToken },
  "/v1/connect": { GET: connect },
  "/v1/presence": { POST: presenceOfMany },
  "/v1/users/:user": { GET: presence, DELETE: erase },
  "/v1/users/:user/export": { GET: exportUser },
  "/v1/users/:user/connections": { DELETE: disconnect },
  "/v1/topics/:topic": { GET: topicCount },
  "/v1/topics/:topic/members": { GET: listMembers, POST: postMembers },
  "/v1/topics/:topic/members/:user": { GET: member, PUT: putMember, DELETE: deleteMember },
  "/v1/dead-letters": { GET: listDeadLetters },
  "/v1/dead-letters/:key": { DELETE: discard },
  "/v1/dead-letters/:key/redrive": { POST: redrive },
  "/v1/lanes": { GET: listLanes },
};

export const app = new Hono<Hub>();

app.use(async (context, next) => {
  context.set("request", crypto.randomUUID());
  context.set("settings", settingsOf(context.env));
  // Before the handlers: an upgrade comes back with headers that can't be changed any more.
  for (const [name, value] of Object.entries(bodyHeaders)) context.header(name, value);
  await next();
});

for (const [path, handlers] of Object.entries(deviceRoutes)) {
  app.use(path, cors(Object.keys(handlers).join(", ")));
}

app.use(async (context, next) => {
  if (context.req.url.length > requestLimits.maxUrlBytes) {
    throw new Problem("url_too_long", `a URL has at most ${requestLimits.maxUrlBytes} bytes`);
  }
  await next();
});

for (const [path, handlers] of Object.entries(routes)) {
  const methods = new Map(Object.entries(handlers));
  // Not by Hono's own methods: it would answer HEAD as GET, and any other method with 404.
  app.all(path, (context) => {
    const handler = methods.get(context.req.raw.method);
    if (handler !== undefined) return handler(context);
    const allowed = [...methods.keys()].join(", ");
    throw new Problem("method_not_allowed", `allowed is ${allowed}`, { headers: { Allow: allowed } });
  });
}

app.notFound((context) =>
  problemResponse(new Problem("not_found", "no route has this path"), context.var.request),
);

app.onError((error, context) => {
  const { request } = context.var;
  return problemResponse(problemOf(error, request), request);
});
