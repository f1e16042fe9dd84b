/**
 * One step of a fan-out job: asks the object that knows the crowd, and says what goes into the lane. A
 * step is small, two calls and one send, however large the crowd.
 */
import { fanoutLimits } from "../limits.ts";
import type { AcceptedMessage, Crowd } from "../protocol/message.ts";
import type { Claim } from "./claims.ts";
import type { Crowds, Opened, OpenedShards } from "./crowds.ts";
import { type Job, type Place, paging, type Share } from "./job.ts";
import { replacedWord } from "./replaced.ts";
import { page, pageLimit, type Sending, spread, start, type Taking, wait } from "./steps.ts";

/**
 * `expired`, `withdrawn`: its time is over, or it was retracted; nobody else is to get it. `taken`: another job
 * goes on from here, and this one is a copy.
 */
export type Stepped =
  | { readonly do: "send"; readonly sending: Sending }
  | { readonly do: "expired" | "withdrawn" | "taken" };

/** @throws when the crowd's object fails; the step is to be tried again. */
export async function takeStep(job: Job, crowds: Crowds, taking: Taking): Promise<Stepped> {
  const { step, message } = job;
  if (message.expires <= taking.now) {
    return step.do === "begin" ? outOfTime(message, step.crowd, taking) : { do: "expired" };
  }
  switch (step.do) {
    case "begin":
      return begin(job, step, crowds, taking);
    case "spread": {
      const claim = claimOf(job, step.from);
      if (!(await crowds.claim(claim, { everyone: "all" }))) return { do: "taken" };
      return { do: "send", sending: spread(message, step, step.from, taking.chain) };
    }
    case "page":
      return pageOf(job, step.share, step, crowds, taking);
  }
}

/** What it replaces it would have replaced, had it come in time. */
function outOfTime(message: AcceptedMessage, crowd: Crowd, { chain }: Taking): Stepped {
  const word = replacedWord(message, crowd, chain);
  return word === undefined ? { do: "expired" } : { do: "send", sending: start([word]) };
}

function claimOf({ message, chain }: Job, place: number): Claim {
  return { id: message.id, accepted: message.at, place, chain };
}

interface Begin {
  readonly crowd: Crowd;
  readonly round: number;
}

async function begin(job: Job, { crowd, round }: Begin, crowds: Crowds, taking: Taking): Promise<Stepped> {
  const { message } = job;
  const { now, chain } = taking;
  const { deliverAt } = message;
  if (deliverAt !== undefined && deliverAt > now) {
    const claim = claimOf(job, round - fanoutLimits.maxRounds);
    if (!(await crowds.claim(claim, crowd))) return { do: "taken" };
    return { do: "send", sending: wait(message, { crowd, round, ms: deliverAt - now }, chain) };
  }
  const opened = await crowds.begin(message, crowd);
  const word = replacedWord(message, crowd, chain);
  if (opened === "expired") return outOfTime(message, crowd, taking);
  if (opened === "withdrawn") {
    // What it replaces it would have replaced, had it come in time; one that waited was called off instead.
    const replaced = deliverAt === undefined ? word : undefined;
    return replaced === undefined ? { do: opened } : { do: "send", sending: start([replaced]) };
  }
  if (word !== undefined) return { do: "send", sending: start([...startOf(message, opened, chain), word]) };
  // There is one share of a topic: its first page needs no step of its own.
  if ("share" in opened) return pageOf(job, opened.share, { page: 0 }, crowds, taking);
  return { do: "send", sending: spread(placed(message, opened), opened, 0, chain) };
}

/** The job that goes on where nothing more is done in the step that begins; none where there is nobody. */
function startOf(message: AcceptedMessage, opened: Opened, chain: number): readonly Job[] {
  if ("share" in opened) return [paging(message, opened.share, chain)];
  const { counts, log } = opened;
  if (counts.length === 0) return [];
  return [{ step: { do: "spread", counts, log, from: 0 }, chain, message: placed(message, opened) }];
}

function placed(message: AcceptedMessage, { logSeq }: OpenedShards): AcceptedMessage {
  return logSeq === undefined ? message : { ...message, logSeq };
}

async function pageOf(
  { message, chain }: Job,
  share: Share,
  place: Place,
  crowds: Crowds,
  taking: Taking,
): Promise<Stepped> {
  const users = await crowds.page(message, share, { ...place, chain }, pageLimit(message));
  if (users === "taken" || users === "withdrawn") return { do: users };
  return { do: "send", sending: page(message, share, place.page, users, taking) };
}
