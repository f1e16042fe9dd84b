/** The status between the welcome and the moment at which everything that was there is handled. */
import { describe, expect, test } from "vitest";
import { drive, gap, messages, only, savedAt, streamMessage, welcome } from "../../support/client-driver.ts";

function states(effects: ReturnType<ReturnType<typeof drive>["tell"]>): readonly string[] {
  return only(effects, "status").map(({ status }) => status.state);
}

describe("a device that is welcomed", () => {
  test("is live at once where it has everything", () => {
    expect(states(drive(savedAt(5)).live({ head: 5 }))).toEqual(["connecting", "live"]);
    expect(states(drive().live({ head: 0, resumed: false, reason: "new" }))).toEqual(["connecting", "live"]);
  });

  test("is syncing until the last message that was there is saved", () => {
    const client = drive(savedAt(3));
    expect(states(client.live({ head: 5 }))).toEqual(["connecting", "syncing"]);
    client.frame(messages(4, 5));
    expect(states(client.finish())).toEqual([]);
    expect(states(client.handled())).toEqual([]);
    expect(states(client.saved())).toEqual(["live"]);
  });

  test("does not wait for what came later", () => {
    const client = drive(savedAt(4));
    client.live({ head: 5 });
    client.frame(messages(5, 6));
    expect(states(client.finish())).toEqual(["live"]);
    expect(states(client.finish())).toEqual([]);
  });

  test("is live when the last thing that was there is a gap", () => {
    const client = drive(savedAt(3));
    client.live({ head: 5 });
    client.frame(gap(4, 5));
    expect(states(client.saved())).toEqual(["live"]);
  });

  test("is live when the last message is passed over, or could not be saved", () => {
    const client = drive(savedAt(4));
    client.live({ head: 6 });
    client.random = 0;
    client.frame(messages(5, 6));
    for (let failures = 0; failures < 3; failures += 1) {
      client.handled(false);
      client.pass(0);
    }
    expect(states(client.saved())).toEqual([]);
    client.handled();
    expect(states(client.saved(false))).toEqual(["live"]);
  });

  test("is not live by a copy of what is still to come", () => {
    const client = drive(savedAt(3));
    client.live({ head: 5 });
    client.frame({ type: "express", message: streamMessage(5) });
    expect(states(client.finish())).toEqual([]);
  });

  test("says nothing more once it is live, whatever arrives", () => {
    const client = drive(savedAt(5));
    client.live({ head: 5 });
    client.frame(messages(6, 7));
    expect(states([...client.finish(), ...client.finish()])).toEqual([]);
  });

  test("that finishes without a connection is live with the next one", () => {
    const client = drive(savedAt(4));
    client.live({ head: 5 });
    client.frame(messages(5));
    client.closed(1006);
    expect(states(client.finish())).toEqual([]);
    client.wait();
    expect(states(client.frame(welcome({ from: 5, head: 5 })))).toEqual(["live"]);
  });

  test("that finishes a message of an earlier numbering is still syncing", () => {
    const client = drive(savedAt(4));
    client.live({ head: 5 });
    client.frame(messages(5));
    client.closed(1006);
    client.wait();
    const anew = welcome({ epoch: "epoch-2", resumed: false, from: 0, head: 2 });
    expect(states(client.frame(anew))).toEqual(["syncing"]);
    expect(states(client.finish())).toEqual([]);
  });
});
