/** What every route is handed: the bindings, the settings, and the id that the answer and the log name the request by. */
import type { Context } from "hono";
import type { Settings } from "../settings.ts";

export interface Hub {
  Bindings: Env;
  Variables: {
    /** A UUID, new for each request. */
    request: string;
    settings: Settings;
  };
}

export type HubContext = Context<Hub>;
export type Handler = (context: HubContext) => Response | Promise<Response>;
