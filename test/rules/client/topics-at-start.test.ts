/** The topics that an app names when it makes the client: subscribed once a start, and again only where that failed. */
import { describe, expect, test } from "vitest";
import { connected, inFakeTime, pass } from "../../support/client-app.ts";
import { welcome } from "../../support/client-driver.ts";
import { FakeSocket } from "../../support/fake-socket.ts";
import { httpHub, problem, token } from "../../support/http-hub.ts";

inFakeTime();

const hub = httpHub(() => Response.json({ topic: "t", presence: false, pending: false }));
const topics = ["team.7", "news"];
const subscribed = () => hub.asked.map(({ method, url }) => `${method} ${url.split("/").at(-1)}`);

async function comeBack(head = 0) {
  FakeSocket.latest().end(1006);
  await pass(5_000);
  FakeSocket.latest().receive(welcome({ from: 0, head }));
  await pass();
}

describe("the topics of the options", () => {
  test("are subscribed to once the client is connected, and not before", async () => {
    const { client, socket } = await connected({ token, topics });
    expect(subscribed()).toEqual([]);
    socket.receive(welcome({ head: 1 }));
    await pass();
    expect(subscribed()).toEqual(["PUT team.7", "PUT news"]);
    client.close();
  });

  test("are not subscribed to again at a reconnect, and are at the next start", async () => {
    const { client, socket } = await connected({ token, topics });
    socket.receive(welcome({ head: 0 }));
    await pass();
    await comeBack();
    expect(subscribed()).toHaveLength(2);
    client.close();
    await client.start();
    await pass();
    FakeSocket.latest().receive(welcome({ head: 0 }));
    await pass();
    expect(subscribed()).toHaveLength(4);
    client.close();
  });

  test("that the hub refuses are told as a fault, and tried again with the next connection, not earlier", async () => {
    hub.answers = [problem(403, "forbidden", "not this one")];
    const { client, faults, socket } = await connected({ token, topics });
    socket.receive(welcome({ head: 1 }));
    await pass();
    socket.receive({ type: "gap", from: 1, to: 1, reason: "expired" });
    await pass(5_000);
    expect(client.status.state).toBe("live");
    expect(faults).toMatchObject([{ kind: "topic", topic: "team.7", error: { code: "forbidden" } }]);
    expect(subscribed()).toEqual(["PUT team.7", "PUT news"]);
    await comeBack(1);
    expect(subscribed()).toEqual(["PUT team.7", "PUT news", "PUT team.7"]);
    await comeBack(1);
    expect(subscribed()).toHaveLength(3);
    expect(faults).toHaveLength(1);
    client.close();
  });

  test("wait for the network where it breaks in between", async () => {
    hub.answers = ["down"];
    const { client, faults, socket } = await connected({ token, topics });
    socket.receive(welcome({ head: 0 }));
    socket.end(1006);
    await pass(5_000);
    FakeSocket.latest().receive(welcome({ from: 0, head: 0 }));
    await pass();
    expect(subscribed()).toEqual(["PUT team.7", "PUT team.7", "PUT news"]);
    expect(faults).toEqual([]);
    client.close();
  });

  test("are let go by a client that stops, without a word", async () => {
    hub.answers = ["down"];
    const { client, faults, socket } = await connected({ token, topics });
    socket.receive(welcome({ head: 0 }));
    socket.end(1006);
    await pass();
    client.close();
    await pass(60_000);
    expect(subscribed()).toEqual(["PUT team.7"]);
    expect(faults).toEqual([]);
  });

  test("are not asked for by a client that stops before it is connected", async () => {
    const { client, faults } = await connected({ token, topics });
    client.close();
    await pass(60_000);
    expect([subscribed(), faults]).toEqual([[], []]);
  });
});
