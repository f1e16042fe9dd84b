/** What a device shows, over several connections of it, is what is to be shown: it does as docs/client.md says ("Taken back"), and whatever it missed is made up for. */

import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { withdrawal } from "../../src/lanes/withdrawal.ts";
import { type MessageId, messageId } from "../../src/protocol/ids.ts";
import type { AcceptedMessage } from "../../src/protocol/message.ts";
import { aUser, caughtUp, connect, type Device, hubOf, leave } from "../support/device.ts";
import { begin, spread } from "../support/everyone.ts";
import { message, progress } from "../support/messages.ts";
import { meter, pass } from "../support/storage.ts";

const word = z.object({ id: messageId, device: z.string().optional() });

afterEach(() => {
  vi.useRealTimers();
});

function retraction(of: MessageId, changes: Partial<AcceptedMessage> = {}): AcceptedMessage {
  return { ...withdrawal(of, "retracted", { now: Date.now(), audience: "" }), ...changes };
}

/** What a device's app shows, over several connections of it, by the code of docs/client.md. */
function shown(...connections: Device[]): string[] {
  const on = new Set<string>();
  for (const device of connections) {
    for (const { messages } of device.all("messages")) {
      for (const { id, type, data, replaces = id } of messages) {
        if (type === "hubbub.withdrawn") {
          const said = word.parse(data);
          if (said.device !== device.name) on.delete(said.id);
        } else {
          on.delete(replaces);
          on.add(id);
        }
      }
    }
  }
  return [...on];
}

/** A device that has one message, and is away. */
async function away(user: ReturnType<typeof aUser>, first: AcceptedMessage): Promise<Device> {
  const phone = await connect(user, { device: "phone" });
  await hubOf(user).deliver([first]);
  await caughtUp(phone, 1);
  await leave(phone);
  return phone;
}

async function back(phone: Device): Promise<Device> {
  const again = await connect(phone.user, { device: phone.name, resume: phone.resume });
  await again.settled();
  return again;
}

describe("a device that was away", () => {
  test("while a message was replaced twice shows the last of them only", async () => {
    const user = aUser();
    const first = message();
    const phone = await away(user, first);
    const second = message({ replaces: first.id });
    const third = message({ replaces: second.id });
    await hubOf(user).deliver([second]);
    await hubOf(user).deliver([third]);
    expect(shown(phone, await back(phone))).toEqual([third.id]);
  });

  test("while a message was replaced, and what replaced it retracted, shows neither", async () => {
    const user = aUser();
    const first = message();
    const phone = await away(user, first);
    const second = message({ replaces: first.id });
    await hubOf(user).deliver([second]);
    await hubOf(user).deliver([retraction(second.id)]);
    expect(shown(phone, await back(phone))).toEqual([]);
  });

  test("while a message was replaced by one that has expired shows neither", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const first = message();
    const phone = await away(user, first);
    await hubOf(user).deliver([message({ replaces: first.id, expires: Date.now() + 1_000 })]);
    await pass(user, 120_000);
    expect(shown(phone, await back(phone))).toEqual([]);
  });

  test("while a message was replaced by one that was collapsed shows the last", async () => {
    const user = aUser();
    const first = message();
    const phone = await away(user, first);
    const last = progress(2);
    await hubOf(user).deliver([{ ...progress(1), replaces: first.id }]);
    await hubOf(user).deliver([last]);
    expect(shown(phone, await back(phone))).toEqual([last.id]);
  });

  test("while an announcement to all was corrected twice has the last one in the inbox only", async () => {
    const user = aUser();
    const first = message();
    const second = message({ replaces: first.id });
    const third = message({ replaces: second.id });
    const phone = await connect(user, { device: "phone", acks: true });
    await spread(first, await begin(first));
    await hubOf(user).deliver([first]);
    await phone.settled();
    await leave(phone);
    for (const one of [second, third]) await spread(one, await begin(one));
    const page = await hubOf(user).inbox({ limit: 100, unread: false });
    const mine = page.messages.filter(({ id }) => [first.id, second.id, third.id].some((one) => one === id));
    expect(mine.map(({ id }) => id)).toEqual([third.id]);
  });

  test("while an announcement to all was corrected, and the correction retracted, has neither in the inbox", async () => {
    const user = aUser();
    const first = message();
    const second = message({ replaces: first.id });
    const phone = await connect(user, { device: "phone", acks: true });
    await spread(first, await begin(first));
    await hubOf(user).deliver([first]);
    await phone.settled();
    await leave(phone);
    await spread(second, await begin(second));
    const said = retraction(second.id);
    await spread(said, await begin(said));
    const page = await hubOf(user).inbox({ limit: 100, unread: false });
    const mine = page.messages.filter(({ id }) => [first.id, second.id].some((one) => one === id));
    expect(mine.map(({ id }) => id)).toEqual([]);
  });
});

describe("a retraction", () => {
  test("reaches the one device that has handled the message and keeps it", async () => {
    const user = aUser();
    const laptop = await connect(user);
    const alert = message({ cancelOn: "ack" });
    await hubOf(user).deliver([alert]);
    await caughtUp(laptop, 1);
    expect(shown(laptop)).toContain(alert.id);
    await hubOf(user).deliver([retraction(alert.id)]);
    await laptop.settled();
    expect(shown(laptop)).not.toContain(alert.id);
  });

  test("reaches devices that have a message which has given way to a newer one of its key", async () => {
    const user = aUser();
    const laptop = await connect(user);
    const [old, newer] = [progress(1), progress(2)];
    await hubOf(user).deliver([old]);
    await caughtUp(laptop, 1);
    await hubOf(user).deliver([newer]);
    await hubOf(user).deliver([retraction(old.id)]);
    await laptop.settled();
    expect(shown(laptop)).not.toContain(old.id);
  });

  test("of what has expired, whether or not it was swept by then, is told once, and the state says so", async () => {
    vi.setSystemTime(Date.now());
    const user = aUser();
    const first = message();
    const brief = () => message({ replaces: first.id, expires: Date.now() + 1_000 });
    const laptop = await connect(user);
    const [swept, unswept] = [brief(), brief()];
    await hubOf(user).deliver([first, swept]);
    await pass(user, 120_000);
    await hubOf(user).deliver([{ ...unswept, expires: Date.now() + 1_000 }]);
    vi.setSystemTime(Date.now() + 1_000);
    for (const { id } of [swept, unswept]) {
      const other = withdrawal(id, "retracted", { now: Date.now(), audience: "another" });
      const { verdicts } = await hubOf(user).deliver([retraction(id), other]);
      expect(verdicts).toMatchObject([{ verdict: "committed" }, { verdict: "withdrawn" }]);
      expect(await hubOf(user).messageState(id)).toMatchObject({ state: "retracted" });
    }
    await caughtUp(laptop, (await hubOf(user).presence()).head);
    for (const { id } of [first, swept, unswept]) expect(shown(laptop)).not.toContain(id);
    const told = laptop.all("messages").flatMap(({ messages }) => messages.map(({ data }) => data));
    const ofFirst = told.filter((data) => word.safeParse(data).data?.id === first.id);
    // By each of the two that was to take its place, and not twice by any.
    expect(ofFirst).toEqual(Array(2).fill({ id: first.id, reason: "replaced" }));
  });
});

test("a word is told only where devices may show what was replaced, and costs nothing else", async () => {
  const user = aUser();
  const [first, never] = [message(), message()];
  const second = message({ replaces: first.id });
  const orphan = message({ replaces: never.id });
  await hubOf(user).deliver([first, second, orphan]);
  const written = await meter(user);
  await hubOf(user).deliver([message({ replaces: orphan.id })]);
  // The new message, and that the other one is gone.
  expect(written).toMatchObject({ rows: 3 });
  written.reset();
  await hubOf(user).deliver([message({ replaces: second.id })]);
  // The word as well.
  expect(written).toMatchObject({ rows: 5 });
  await hubOf(user).deliver([retraction(first.id)]);
  expect((await hubOf(user).presence()).head).toBe(6);
});
