/** Messages that are withdrawn or replaced while they wait for the handler: none is handled after the word of it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Effect } from "../../../src/client/machine.ts";
import type { StreamMessage } from "../../../src/protocol/frames.ts";
import {
  drive,
  handledIds,
  messages,
  only,
  savedAt,
  streamMessage,
  withdrawal,
} from "../../support/client-driver.ts";

/** A device whose handler is busy with the first of these messages. */
function busy(...seqs: readonly number[]) {
  const client = drive(savedAt(0));
  client.live();
  client.frame(messages(...seqs));
  return client;
}

const frameOf = (...sent: readonly StreamMessage[]) =>
  ({ type: "messages", messages: sent, unread: 0 }) as const;

/** What the app is told and given, in order. */
function told(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) => {
    if (effect.type === "handle") return [effect.message.id];
    return effect.type === "gap" ? [`gap ${effect.gap.from}-${effect.gap.to} ${effect.gap.reason}`] : [];
  });
}

describe("a message that is withdrawn", () => {
  test("before its handler began is a gap, in its turn, with the reason of the word", () => {
    const client = busy(1, 2, 3);
    client.frame(frameOf(withdrawal(4, "message-2", "handled")));
    expect(told([...client.finish(), ...client.saved(), ...client.finish()])).toEqual([
      "gap 2-2 handled",
      "message-3",
      "withdrawal-of-message-2",
    ]);
    client.finish();
    expect(client.state.saved).toMatchObject({ cursor: 4 });
    expect(client.state.saved.recentIds).not.toContain("message-2");
  });

  test("in the frame that brings it is not handled either", () => {
    const client = drive(savedAt(0));
    client.live();
    const effects = client.frame(frameOf(streamMessage(1), withdrawal(2, "message-1")));
    expect(told([...effects, ...client.saved()])).toEqual(["gap 1-1 retracted", "withdrawal-of-message-1"]);
  });

  test("by a word that overtakes it is not handled after that", () => {
    const client = busy(1, 2);
    client.frame({ type: "express", message: withdrawal(3, "message-2") });
    expect(told([...client.finish(), ...client.finish()])).toEqual([
      "withdrawal-of-message-2",
      "gap 2-2 retracted",
    ]);
    client.saved();
    // The word's own turn in the stream.
    client.frame(frameOf(withdrawal(3, "message-2")));
    expect(told(client.saved())).toEqual([]);
    expect(client.state.saved).toMatchObject({ cursor: 3 });
  });

  test("that waits as a copy ahead of its turn is not handled", () => {
    const client = busy(1);
    client.frame({ type: "express", message: streamMessage(9) });
    client.frame({ type: "express", message: withdrawal(10, "message-9") });
    expect(told(client.finish())).toEqual(["withdrawal-of-message-9"]);
    expect(told(client.finish())).toEqual([]);
  });

  test("while its handler runs is handled to its end, and the word comes after it", () => {
    const client = busy(1);
    client.frame({ type: "express", message: withdrawal(2, "message-1") });
    expect(told(client.handled())).toEqual([]);
    expect(told(client.saved())).toEqual(["withdrawal-of-message-1"]);
  });

  test("while it waits to be tried again is tried again, and the word comes after it", () => {
    const client = busy(1);
    client.handled(false);
    client.frame({ type: "express", message: withdrawal(2, "message-1") });
    expect(handledIds(client.wait())).toEqual(["message-1"]);
    expect(told(client.finish())).toEqual(["withdrawal-of-message-1"]);
  });

  test("after it was handled, or that never came, changes nothing but that the app is told", () => {
    const client = busy(1);
    client.finish();
    expect(told(client.frame(frameOf(withdrawal(2, "message-1"), withdrawal(3, "message-0"))))).toEqual([
      "withdrawal-of-message-1",
    ]);
    expect(told(client.finish())).toEqual(["withdrawal-of-message-0"]);
  });
});

test("a message that is replaced before its handler began is a gap, and the other one comes in its place", () => {
  const client = busy(1, 2, 3);
  client.frame(frameOf({ ...streamMessage(4), replaces: "message-3" }));
  expect(told([...client.finish(), ...client.finish(), ...client.saved()])).toEqual([
    "message-2",
    "gap 3-3 replaced",
    "message-4",
  ]);
});

test.each([null, "message-2", {}, { id: "message-2" }])("a word that says %j withdraws nothing", (data) => {
  const client = busy(1, 2);
  client.frame(frameOf({ ...withdrawal(3, "message-2"), data }));
  expect(told(client.finish())).toEqual(["message-2"]);
});

test("however messages, words of them and the handler take turns, no message is handled twice or after its word, and no number is left", () => {
  const step = fc.oneof(
    fc.constant("publish"),
    fc.constant("finish"),
    fc.constant("fail"),
    fc.record({ withdraw: fc.nat({ max: 20 }), express: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const client = drive(savedAt(0));
      client.live();
      let head = 0;
      const done: string[] = [];
      const look = (effects: readonly Effect[]) =>
        only(effects, "handle").forEach(({ message }) => {
          if (message.id.startsWith("withdrawal")) done.push(message.id);
        });
      /** Ends what is in work, as long as something is. */
      const finish = (ok: boolean) => {
        const { job } = client.state;
        if (job?.stage === "handle" && job.retryAt !== undefined) look(client.wait());
        if (job?.stage === "save") look(client.saved());
        if (job?.stage === "handle" && job.retryAt === undefined) {
          const { id } = job.item.message;
          // To tell the app of a word can't fail.
          const isWord = id.startsWith("withdrawal");
          if (ok && !isWord) done.push(id);
          look(client.handled(ok || isWord));
        }
      };
      const words = new Set<number>();
      for (const next of steps) {
        if (next === "finish") finish(true);
        else if (next === "fail") finish(false);
        else if (next === "publish") {
          head += 1;
          look(client.frame(frameOf(streamMessage(head))));
        } else {
          const of = next.withdraw + 1;
          if (of > head || words.has(of)) continue;
          head += 1;
          const word = withdrawal(head, `message-${of}`);
          words.add(of).add(head);
          if (next.express) look(client.frame({ type: "express", message: word }));
          look(client.frame(frameOf(word)));
        }
      }
      while (client.state.job !== undefined) finish(true);
      expect(new Set(done).size).toBe(done.length);
      done.forEach((id, place) => {
        const word = done.indexOf(`withdrawal-of-${id}`);
        expect(word === -1 || word > place).toBe(true);
      });
      expect(client.state.saved.cursor).toBe(head);
    }),
    { numRuns: 1_000 },
  );
});
