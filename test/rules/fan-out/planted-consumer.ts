/** Consumers of a topic's jobs, each with a bug that looks harmless. */
import { consume, type QueueMessage } from "../../../src/lanes/consume.ts";
import { parse } from "../../../src/lanes/envelope.ts";
import { takeStep } from "../../../src/lanes/fan-out.ts";
import { encodeJob } from "../../../src/lanes/job.ts";
import { textOf } from "../../../src/lanes/send.ts";
import type { Consumer } from "./world.ts";

/** Lets go of a step when the next one is on its way, and only then sends the users of this one. */
export const advancesFirst: Consumer = async (messages, surroundings) => {
  const rest: QueueMessage[] = [];
  for (const message of messages) {
    const parsed = parse(textOf(message.body));
    if (parsed.kind !== "job") {
      rest.push(message);
      continue;
    }
    try {
      const taking = { now: surroundings.now(), chain: surroundings.random() };
      const stepped = await takeStep(parsed.job, surroundings.crowds, taking);
      const texts = stepped.do === "send" ? stepped.sending.texts : [];
      const next = texts.filter((text) => parse(text).kind === "job");
      const users = texts.filter((text) => parse(text).kind === "envelope");
      if (next.length > 0) await surroundings.lanes.send("normal", next);
      message.ack();
      if (users.length > 0) await surroundings.lanes.send("normal", users);
    } catch {
      message.retry({ delaySeconds: 1 });
    }
  }
  await consume("normal", rest, surroundings);
};

/** Tries a step whose send failed again as a new job: which does not have the place that the old one claimed. */
export const claimsAnew: Consumer = async (messages, surroundings) => {
  const rest: QueueMessage[] = [];
  for (const message of messages) {
    const parsed = parse(textOf(message.body));
    if (parsed.kind !== "job") {
      rest.push(message);
      continue;
    }
    const { crowds, lanes, now, random } = surroundings;
    try {
      const stepped = await takeStep(parsed.job, crowds, { now: now(), chain: random() });
      const texts = stepped.do === "send" ? stepped.sending.texts : [];
      const again = encodeJob({ ...parsed.job, chain: random() });
      if (texts.length > 0) await lanes.send("normal", texts).catch(() => lanes.send("normal", [again], 1));
      message.ack();
    } catch {
      message.retry({ delaySeconds: 1 });
    }
  }
  await consume("normal", rest, surroundings);
};
