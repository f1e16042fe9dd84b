/** The object's end of a connection, and what the platform keeps of it while the object sleeps. */
import type { Wire } from "../wire.ts";

/** What leaves by it goes here, once the device has its end. */
interface Outlet {
  readonly wire: Wire;
  readonly sends: (text: string) => void;
}

export class ServerSocket {
  readyState: number = WebSocket.OPEN;
  #attached: unknown = null;
  #outlet: Outlet | undefined;
  /** What was said before the device had its end: the answer to the handshake goes first. */
  #early: ((outlet: Outlet) => void)[] = [];

  /** As the onlooker sees it. */
  get attached(): unknown {
    return this.#attached;
  }

  get wire(): Wire | undefined {
    return this.#outlet?.wire;
  }

  /** The handshake is answered. */
  join(outlet: Outlet): void {
    this.#outlet = outlet;
    for (const say of this.#early) say(outlet);
    this.#early = [];
  }

  send(text: string): void {
    if (this.readyState !== WebSocket.OPEN) throw new TypeError("the socket is closed");
    this.#say(({ sends }) => sends(text));
  }

  close(code: number, reason: string): void {
    if (this.readyState === WebSocket.CLOSED) throw new TypeError("the socket is closed");
    this.readyState = WebSocket.CLOSED;
    this.#say(({ wire }) => wire.closeByHub(code, reason));
  }

  /** The object is dead: the device sees its connection break. */
  die(): void {
    this.readyState = WebSocket.CLOSED;
    this.#outlet?.wire.cut({ device: true, hub: false });
  }

  serializeAttachment(value: unknown): void {
    this.#attached = structuredClone(value);
  }

  deserializeAttachment(): unknown {
    return structuredClone(this.#attached);
  }

  #say(say: (outlet: Outlet) => void): void {
    if (this.#outlet === undefined) this.#early.push(say);
    else say(this.#outlet);
  }
}
