/** A WebSocket whose other end is the test. Every one that is opened stands in `FakeSocket.opened`. */
export class FakeSocket extends EventTarget {
  static opened: FakeSocket[] = [];

  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: string[] = [];
  /** How the client closed it. */
  closedWith: { readonly code: number | undefined; readonly reason: string | undefined } | undefined;
  readyState = 1;

  constructor(url: string, protocols: readonly string[]) {
    super();
    this.url = url;
    this.protocols = protocols;
    FakeSocket.opened.push(this);
  }

  static latest(): FakeSocket {
    const socket = FakeSocket.opened.at(-1);
    if (socket === undefined) throw new Error("no socket was opened");
    return socket;
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(code?: number, reason?: string): void {
    this.readyState = 2;
    this.closedWith = { code, reason };
  }

  /** What the hub sends: a frame, or anything else as it is. */
  receive(data: unknown): void {
    const isFrame = typeof data === "object" && !(data instanceof ArrayBuffer);
    this.dispatchEvent(new MessageEvent("message", { data: isFrame ? JSON.stringify(data) : data }));
  }

  /** The end of the connection, from the hub or the network. */
  end(code: number, reason = ""): void {
    this.readyState = 3;
    this.dispatchEvent(new CloseEvent("close", { code, reason }));
  }
}
