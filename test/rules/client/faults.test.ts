/** The client against a hub that keeps its rules, over a network, a storage and a process that keep none. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ClientEvent, deadline, type Effect, initialState, step } from "../../../src/client/machine.ts";
import type { Saved } from "../../../src/client/storage.ts";
import type { ServerFrame } from "../../../src/protocol/frames.ts";
import { gap, liveMessage, streamMessage, welcome } from "../../support/client-driver.ts";

/** What happens next, by number of chances in ten or so. */
const action = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("publish", "receive", "handled", "saved") },
  { weight: 3, arbitrary: fc.constantFrom("receive", "handled", "saved", "tick") },
  { weight: 2, arbitrary: fc.constantFrom("express", "evict", "publish live") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("cut", "crash", "lose frame", "repeat frame", "handler fails", "save fails"),
  },
  { weight: 1, arbitrary: fc.constantFrom("lose epoch", "bye", "stop", "start", "hurry", "reopen") },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** A hub with one user, and one device of it with its storage and its handler. */
function world(random: () => number) {
  let epoch = 1;
  let published = 0;
  /** The stream of this epoch: the id at each number, or `undefined` where it is gone. */
  let stream: (string | undefined)[] = [];
  let wire: ServerFrame[] | undefined;
  let sent = 0;

  let stored: Saved | undefined;
  let now = 0;
  let state = initialState();
  let running: Extract<Effect, { type: "handle" | "save" }> | undefined;

  /** What the app saw. */
  const handled: string[] = [];
  const passedOver: string[] = [];
  const gone = new Set<string>();
  let crashesInWork = 0;

  function tell(event: ClientEvent): void {
    const taken = step(state, event, now, random());
    state = taken.state;
    for (const effect of taken.effects) perform(effect);
  }

  function perform(effect: Effect): void {
    switch (effect.type) {
      case "open": {
        const resumed = effect.resume?.epoch === `epoch-${epoch}`;
        sent = resumed ? (effect.resume?.seq ?? 0) : 0;
        expect(sent).toBeLessThanOrEqual(stream.length);
        wire = [welcome({ epoch: `epoch-${epoch}`, from: sent, head: stream.length, resumed })];
        break;
      }
      case "close":
        wire = undefined;
        break;
      case "handle":
      case "save":
        // One at a time: nothing begins while something runs.
        expect(running).toBeUndefined();
        running = effect;
        break;
      case "send":
        if (typeof effect.frame === "object" && effect.frame.type === "ack") {
          expect(effect.frame.epoch).toBe(state.saved.epoch);
          // Only without storage does a device acknowledge what it could not save.
          if (storageHolds) expect(stored).toMatchObject({ cursor: effect.frame.seq });
          else expect(effect.frame.seq).toBeLessThanOrEqual(state.saved.cursor);
        }
        break;
      case "fault":
        if (effect.fault.kind === "handler") passedOver.push(effect.fault.message.id);
        if (effect.fault.kind === "storage") storageHolds = false;
        break;
    }
  }
  let storageHolds = true;

  /** The pump: everything that was not sent goes onto the wire, gaps as one frame for the run. */
  function pump(): void {
    while (wire !== undefined && sent < stream.length) {
      const from = sent + 1;
      if (stream[sent] === undefined) {
        while (sent < stream.length && stream[sent] === undefined) sent += 1;
        wire.push(gap(from, sent));
      } else {
        const messages = [];
        for (let id = stream[sent]; id !== undefined && messages.length < 3; id = stream[sent]) {
          sent += 1;
          messages.push(streamMessage(sent, id));
        }
        wire.push({ type: "messages", messages, unread: 0 });
      }
    }
  }

  function cut(): void {
    const open = wire !== undefined;
    wire = undefined;
    if (open) tell({ type: "closed", code: 1006, reason: "" });
  }

  function answer(ok: boolean): void {
    const done = running;
    if (done === undefined) return;
    running = undefined;
    if (done.type === "handle" && ok) handled.push(done.message.id);
    if (done.type === "save" && ok) {
      stored = structuredClone(done.saved);
      storageHolds = true;
    }
    tell({ type: done.type === "handle" ? "handled" : "saved", ok });
  }

  const actions: Record<Action, () => void> = {
    publish: () => {
      published += 1;
      stream.push(`message-${published}`);
      pump();
    },
    "publish live": () => {
      published += 1;
      wire?.push({ type: "live", message: liveMessage(`live-message-${published}`) });
    },
    express: () => {
      const id = stream.at(-1);
      if (id !== undefined) wire?.push({ type: "express", message: streamMessage(stream.length, id) });
    },
    evict: () => {
      const at = Math.floor(random() * stream.length);
      const id = stream[at];
      if (id === undefined) return;
      gone.add(id);
      stream[at] = undefined;
    },
    receive: () => {
      const frame = wire?.shift();
      if (frame !== undefined) tell({ type: "frame", frame });
    },
    "lose frame": () => void wire?.shift(),
    "repeat frame": () => {
      const frame = wire?.[0];
      if (frame !== undefined) tell({ type: "frame", frame });
    },
    handled: () => running?.type === "handle" && answer(true),
    saved: () => running?.type === "save" && answer(true),
    "handler fails": () => running?.type === "handle" && answer(false),
    "save fails": () => running?.type === "save" && answer(false),
    tick: () => {
      const due = deadline(state);
      if (due === Number.POSITIVE_INFINITY) return;
      now = Math.max(now, due);
      tell({ type: "tick" });
    },
    cut,
    bye: () => {
      wire?.push({ type: "bye", code: 4200, reason: "deploy" });
      actions.receive();
      cut();
    },
    crash: () => {
      // Handled and not saved: the one message that a crash may repeat.
      if (running?.type === "save" || !storageHolds) crashesInWork += 1;
      running = undefined;
      wire = undefined;
      storageHolds = true;
      state = initialState(structuredClone(stored));
      tell({ type: "start" });
      pump();
    },
    "lose epoch": () => {
      epoch += 1;
      for (const id of stream) if (id !== undefined) gone.add(id);
      stream = [];
      cut();
    },
    stop: () => tell({ type: "stop" }),
    start: () => tell({ type: "start" }),
    hurry: () => tell({ type: "hurry" }),
    reopen: () => tell({ type: "reopen", patient: false }),
  };

  return {
    handled,
    passedOver,
    gone,
    act(next: Action): void {
      actions[next]();
      pump();
    },
    /** Faults off: everything that can still happen does. */
    settle(): void {
      actions.start();
      pump();
      for (let steps = 0; ; steps += 1) {
        expect(steps).toBeLessThan(20_000);
        const caughtUp = state.saved.epoch === `epoch-${epoch}` && state.saved.cursor === stream.length;
        if (caughtUp && running === undefined && wire?.length === 0 && state.urgent.length === 0) return;
        if (running !== undefined) answer(true);
        else if (wire !== undefined && wire.length > 0) actions.receive();
        else actions.tick();
        pump();
      }
    },
    get stream() {
      return stream;
    },
    get crashesInWork() {
      return crashesInWork;
    },
    get cursor() {
      return state.saved.cursor;
    },
  };
}

function repeats(ids: readonly string[]): number {
  return ids.length - new Set(ids).size;
}

test("whatever the network, the storage, the handler and the process do, every message is handled once, in order", () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 300 }), fc.integer(), (actions, seed) => {
      const hub = world(lcg(seed));
      hub.act("start");
      for (const next of actions) hub.act(next);
      hub.settle();

      const kept = hub.stream.filter((id) => id !== undefined);
      const seen = new Set([...hub.handled, ...hub.passedOver]);
      expect(kept.filter((id) => !seen.has(id))).toEqual([]);
      if (hub.crashesInWork === 0) expect(repeats(hub.handled)).toBe(0);
    }),
    { numRuns: 2_000, seed: 20_261_124 },
  );
});

test("without express copies and crashes the handler sees the numbers rise", () => {
  const calm: ReadonlySet<Action> = new Set([
    "express",
    "crash",
    "lose epoch",
    "publish live",
    "handler fails",
  ]);
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 300 }), fc.integer(), (actions, seed) => {
      const hub = world(lcg(seed));
      hub.act("start");
      for (const next of actions) if (!calm.has(next)) hub.act(next);
      hub.settle();

      const numbers = hub.handled.map((id) => Number(id.slice("message-".length)));
      expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
      expect(repeats(hub.handled)).toBe(0);
    }),
    { numRuns: 500, seed: 20_261_125 },
  );
});

/** Numbers in [0, 1) from a seed (the constants of Numerical Recipes). */
function lcg(seed: number): () => number {
  let value = seed >>> 0;
  return () => {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
    return value / 2 ** 32;
  };
}
