/** What a client does about the page that it runs in, where it runs in one. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { memoryStorage } from "../../../src/client/index.ts";
import { deviceId } from "../../../src/protocol/ids.ts";
import { connected, inFakeTime, pass } from "../../support/client-app.ts";
import { messages, welcome } from "../../support/client-driver.ts";
import { FakeSocket } from "../../support/fake-socket.ts";

inFakeTime();

class FakeDocument extends EventTarget {
  visibilityState = "visible";

  show(state: "visible" | "hidden"): void {
    this.visibilityState = state;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

let page: EventTarget;
let shown: FakeDocument;

/** A page whose browser can share nothing. */
function inPage(): void {
  page = new EventTarget();
  shown = new FakeDocument();
  vi.stubGlobal("document", shown);
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("BroadcastChannel", undefined);
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
}

const news: readonly (readonly [string, () => unknown])[] = [
  ["the network is back", () => page.dispatchEvent(new Event("online"))],
  ["the page is back from the browser's cache", () => page.dispatchEvent(new Event("pageshow"))],
  ["somebody looks at it again", () => shown.show("visible")],
];

describe("in a page", () => {
  beforeEach(inPage);

  test.each(news)("a client that waits tries at once when %s", async (_, happen) => {
    const { client, socket } = await connected();
    socket.receive(welcome());
    socket.end(1006);
    happen();
    await pass();
    expect(FakeSocket.opened).toHaveLength(2);
    happen();
    await pass(200);
    expect(FakeSocket.opened).toHaveLength(2);
    client.close();
  });

  test.each(news)("a client that is live finds out whether it is, when %s", async (_, happen) => {
    const { client, socket } = await connected();
    socket.receive(welcome());
    socket.receive("pong");
    happen();
    expect(socket.sent).toEqual(["ping", "ping"]);
    await pass(10_000);
    expect(socket.closedWith?.code).toBe(4202);
    client.close();
  });

  test("nothing follows from a page that is hidden", async () => {
    const { client, socket } = await connected();
    socket.receive(welcome());
    socket.end(1006);
    shown.show("hidden");
    await pass();
    expect(FakeSocket.opened).toHaveLength(1);
    client.close();
  });

  test("a client that is closed looks no more, and one that is started again does", async () => {
    const { client, socket } = await connected();
    socket.receive(welcome());
    client.close();
    for (const [, happen] of news) happen();
    await pass(60_000);
    expect(FakeSocket.opened).toHaveLength(1);
    await client.start();
    await pass();
    FakeSocket.latest().end(1006);
    page.dispatchEvent(new Event("online"));
    await pass();
    expect(FakeSocket.opened).toHaveLength(3);
    client.close();
  });

  test("a client that is closed and started again before it ran connects once", async () => {
    const { client } = await connected();
    client.close();
    FakeSocket.opened = [];
    const first = client.start();
    client.close();
    const second = client.start();
    await Promise.all([first, second]);
    await pass();
    expect(FakeSocket.opened).toHaveLength(1);
    FakeSocket.latest().end(1006);
    page.dispatchEvent(new Event("online"));
    await pass();
    expect(FakeSocket.opened).toHaveLength(2);
    client.close();
    page.dispatchEvent(new Event("online"));
    await pass(60_000);
    expect(FakeSocket.opened).toHaveLength(2);
  });

  test("a client that can share no connection holds its own, as a device of its own", async () => {
    const one = await connected();
    const other = await connected();
    const names = FakeSocket.opened.map(({ url }) => new URL(url).searchParams.get("device"));
    for (const name of names) expect(deviceId.parse(name)).toMatch(/^phone~./);
    expect(new Set(names).size).toBe(2);
    expect([one.client.leading, other.client.leading]).toEqual([true, true]);
    one.client.close();
    other.client.close();
  });

  test("of clients that share a storage and no connection, none takes back what another has saved", async () => {
    const storage = memoryStorage();
    const ahead = await connected({ storage });
    const behind = await connected({ storage });
    ahead.socket.receive(welcome({ resumed: false, reason: "new" }));
    behind.socket.receive(welcome({ resumed: false, reason: "new" }));
    ahead.socket.receive(messages(1, 2, 3));
    await pass();
    behind.socket.receive(messages(1));
    await pass();
    expect(behind.seen).toEqual(["message-1"]);
    expect(await storage.load()).toMatchObject({ device: "phone", cursor: 3 });
    behind.socket.receive(messages(2, 3, 4));
    await pass();
    expect(await storage.load()).toMatchObject({ device: "phone", cursor: 4 });
    ahead.client.close();
    behind.client.close();
  });

  test("a client whose server has no more of this version holds its own connection too", async () => {
    vi.doMock("../../../src/client/page/page.ts", () => {
      throw new Error("not found");
    });
    const { client, socket } = await connected();
    expect(new URL(socket.url).searchParams.get("device")).toMatch(/^phone~/);
    client.close();
    vi.doUnmock("../../../src/client/page/page.ts");
  });
});

test("outside of a page nothing is listened to, and the name is the device's", async () => {
  const listen = vi.fn();
  vi.stubGlobal("addEventListener", listen);
  const { client, socket } = await connected();
  expect(new URL(socket.url).searchParams.get("device")).toBe("phone");
  expect(client.leading).toBe(true);
  expect(listen).not.toHaveBeenCalled();
  client.close();
});
