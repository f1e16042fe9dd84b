/** The inbox of a page whose network is gone before it was ever used: its code came with the connection. */
import { expect, test, vi } from "vitest";
import { connected, inFakeTime, pass } from "../../support/client-app.ts";
import { welcome } from "../../support/client-driver.ts";
import { readableToken } from "../../support/connect-token.ts";

inFakeTime();

test("what is marked as read needs nothing that is not loaded yet", async () => {
  const token = async () => readableToken({ sub: "alice", exp: 4_000_000_000 });
  const { client, socket } = await connected({ token });
  socket.receive(welcome({ head: 0 }));
  await pass();
  vi.doMock("../../../src/client/account.ts", () => {
    throw new Error("the network is gone");
  });
  const fetched = vi.fn(async () => Response.json({ unread: 0, readUpTo: 7, rev: 1 }));
  vi.stubGlobal("fetch", fetched);
  await client.read({ upTo: 7 });
  expect(fetched).toHaveBeenCalledTimes(1);
  client.close();
});
