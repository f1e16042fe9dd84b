/** A connection of one's own: a WebSocket to the hub. */
import { bearerPrefix, subprotocol } from "../protocol/frames.ts";
import { abnormal, type Connection, type Connector, type Happening, type Resume } from "./connector.ts";
import { parseFrame } from "./parse-frame.ts";
import { isAboutToken, type Tokens } from "./tokens.ts";

/** Of `readyState`, in every WebSocket. */
const openState = 1;

/** @param url of the hub, with a slash at its end */
export function socketConnector(url: URL, device: string, tokens: Tokens): Connector {
  function open(resume: Resume, tell: (happening: Happening) => void): Connection {
    let socket: WebSocket | undefined;
    let over = false;
    /** The token that the hub has last seen on this connection. */
    let shown = "";
    const show = (token: string) => {
      shown = token;
      tokens.shown(token);
    };
    const happened = (happening: Happening) => {
      if (over) return;
      over = happening.type === "closed";
      tell(happening);
    };

    async function dial(): Promise<void> {
      const token = await tokens.fresh(performance.now());
      if (typeof token !== "string") return happened({ type: "closed", ...token });
      if (over) return;
      show(token);
      socket = new WebSocket(connectUrl(url, device, resume), [subprotocol, bearerPrefix + token]);
      socket.addEventListener("message", ({ data }) => {
        const frame = typeof data === "string" ? parseFrame(data) : undefined;
        happened(frame === undefined ? { type: "heard" } : { type: "frame", frame });
      });
      socket.addEventListener("close", ({ code, reason }) => {
        if (!over && isAboutToken(code)) tokens.refused(shown, code, performance.now());
        happened({ type: "closed", code, reason });
      });
    }
    dial().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      happened({ type: "closed", code: abnormal, reason });
    });

    return {
      send: (frame) => {
        if (socket?.readyState !== openState) return;
        if (typeof frame === "object" && frame.type === "auth") show(frame.token);
        socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
      },
      close: (code, reason) => {
        over = true;
        socket?.close(code, reason);
      },
    };
  }
  return { open };
}

/** The URL of the connection; the resume point travels in it, so that resuming costs no frame of its own. */
export function connectUrl(url: URL, device: string, resume: Resume): string {
  const query = new URLSearchParams({ device, ...(resume && { epoch: resume.epoch, seq: `${resume.seq}` }) });
  return new URL(`v1/connect?${query}`, url).href.replace("http", "ws");
}
