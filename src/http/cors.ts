/**
 * Which pages may call the hub. Those of ALLOWED_ORIGINS may connect, and call the routes that a device's
 * own token opens (CORS). No cookie opens anything here, so pages need no leave to send credentials.
 */
import type { MiddlewareHandler } from "hono";
import { requestLimits } from "../limits.ts";
import type { Settings } from "../settings.ts";
import type { Hub } from "./context.ts";

/**
 * Compared as it stands: browsers write an origin in one way only. An opaque origin, `null`, is nobody's,
 * and not even meant by `*`.
 */
export function originAllowed(origin: string, { allowedOrigins }: Settings): boolean {
  return allowedOrigins.has(origin) || (allowedOrigins.has("*") && origin !== "null");
}

/**
 * Answers the preflights of allowed pages, and lets them read every other answer of the route, problems
 * too. To everybody else the route is what it would be without.
 * @param methods of the route, separated by commas
 */
export function cors(methods: string): MiddlewareHandler<Hub> {
  return async (context, next) => {
    const { headers, method } = context.req.raw;
    const origin = headers.get("Origin");
    if (origin === null || !originAllowed(origin, context.var.settings)) {
      await next();
    } else if (method === "OPTIONS" && headers.has("Access-Control-Request-Method")) {
      context.res = new Response(null, {
        status: 204,
        headers: {
          "Access-Control-Allow-Origin": origin,
          "Access-Control-Allow-Methods": methods,
          "Access-Control-Allow-Headers": "authorization, content-type",
          "Access-Control-Max-Age": `${requestLimits.preflightSeconds}`,
        },
      });
    } else {
      await next();
      context.res.headers.set("Access-Control-Allow-Origin", origin);
    }
    context.res.headers.set("Vary", "Origin");
  };
}
