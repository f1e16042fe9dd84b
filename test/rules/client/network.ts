/** A network in virtual time: connections between a process and a server, which break where a test wants it. */
import { pingText, pongText } from "../../../src/protocol/frames.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** From one end to the other. */
const delayMs = 20;

/** A connection as the server has it. */
export interface Line {
  readonly url: URL;
  readonly device: string;
  readonly token: string;
  send(text: string): void;
  close(code: number, reason: string): void;
  /** The network ends it: both sides learn of it, or neither. */
  cut(told: boolean): void;
}

export interface Server {
  connect(line: Line): void;
  hear(line: Line, text: string): void;
  lost(line: Line): void;
}

/** A break in the network: the frame of this number, of all that went this way, is lost with all that follows. */
export interface Cut {
  readonly way: "up" | "down";
  readonly frame: number;
  readonly told: boolean;
}

export class Network {
  /** Every attempt to connect. */
  readonly attempts: { readonly device: string; readonly at: number }[] = [];
  /** Frames that crossed so far. An attempt to connect counts as one. */
  readonly crossed = { up: 0, down: 0 };
  /** The kinds of frames that reached the process. */
  readonly heard = new Set<string>();
  /** Nobody gets through. */
  down = false;
  /** Called at the planned cut. */
  onCut = () => {};
  readonly #time: VirtualTime;
  readonly #server: Server;
  readonly #cut: Cut | undefined;

  constructor(time: VirtualTime, server: Server, cut?: Cut) {
    this.#time = time;
    this.#server = server;
    this.#cut = cut;
  }

  /** In the place of `WebSocket`. */
  get Socket() {
    const network = this;
    return class extends EventTarget {
      readyState = 0;
      readonly #line: Line;
      #broken = false;

      constructor(address: string, [, bearer = ""]: readonly string[]) {
        super();
        const url = new URL(address);
        const device = url.searchParams.get("device") ?? "";
        network.attempts.push({ device, at: network.#time.now });
        this.#line = {
          url,
          device,
          token: bearer.slice("bearer.".length),
          send: (text) => this.#cross("down", () => this.#hear(text)),
          close: (code, reason) => this.#later(() => this.#end(code, reason)),
          cut: (told) => this.#break(told),
        };
        if (network.down) this.#break(true);
        this.#cross("up", () => {
          this.readyState = 1;
          network.#server.connect(this.#line);
        });
      }

      send(text: string): void {
        this.#cross("up", () => {
          // The runtime answers without waking the object.
          if (text === pingText) this.#line.send(pongText);
          else network.#server.hear(this.#line, text);
        });
      }

      close(): void {
        this.readyState = 2;
        this.#later(() => network.#server.lost(this.#line));
      }

      #hear(text: string): void {
        network.heard.add(/^{"type":"(\w+)"/.exec(text)?.[1] ?? text);
        this.dispatchEvent(new MessageEvent("message", { data: text }));
      }

      #end(code: number, reason: string): void {
        this.readyState = 3;
        network.#time.arrive(() => this.dispatchEvent(new CloseEvent("close", { code, reason })));
      }

      /** One way, as long as the connection holds. */
      #later(arrive: () => void): void {
        network.#time.after(delayMs, () => {
          if (!this.#broken) arrive();
        });
      }

      #cross(way: Cut["way"], arrive: () => void): void {
        this.#later(() => {
          const frame = network.crossed[way];
          network.crossed[way] += 1;
          if (network.#cut?.way === way && network.#cut.frame === frame) {
            this.#break(network.#cut.told);
            network.onCut();
          } else if (way === "up") {
            arrive();
          } else {
            network.#time.arrive(arrive);
          }
        });
      }

      #break(told: boolean): void {
        this.#broken = true;
        if (!told) return;
        network.#time.after(delayMs, () => {
          network.#server.lost(this.#line);
          this.#end(1006, "");
        });
      }
    };
  }
}
