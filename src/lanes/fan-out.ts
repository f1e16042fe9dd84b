/**
 * One step of a fan-out job: asks the object that knows the crowd, and says what goes into the lane. A
 * step is small, two calls and one send, however large the crowd.
 */
import type { UserId } from "../protocol/ids.ts";
import type { AcceptedMessage, Crowd } from "../protocol/message.ts";
import type { Crowds } from "./crowds.ts";
import type { Job, Share } from "./job.ts";
import { page, pageLimit, type Sending, spread, wait } from "./steps.ts";

/** `expired`, `withdrawn`: its time is over, or it was retracted; nobody else is to get it. */
export type Stepped =
  | { readonly do: "send"; readonly sending: Sending }
  | { readonly do: "expired" | "withdrawn" };

/** @throws when the crowd's object fails; the step is to be tried again. */
export async function takeStep({ step, message }: Job, crowds: Crowds, now: number): Promise<Stepped> {
  if (message.expires <= now) return { do: "expired" };
  switch (step.do) {
    case "begin":
      return begin(message, step.crowd, crowds, now);
    case "spread":
      return { do: "send", sending: spread(message, step, step.from) };
    case "page":
      return pageOf(message, step.share, step.after, crowds);
  }
}

async function begin(message: AcceptedMessage, crowd: Crowd, crowds: Crowds, now: number): Promise<Stepped> {
  const { deliverAt } = message;
  if (deliverAt !== undefined && deliverAt > now) {
    return { do: "send", sending: wait(message, crowd, deliverAt - now) };
  }
  const opened = await crowds.begin(message, crowd);
  if (opened === "withdrawn" || opened === "expired") return { do: opened };
  // There is one share of a topic: its first page needs no step of its own.
  if ("share" in opened) return pageOf(message, opened.share, undefined, crowds);
  const { logSeq, ...shards } = opened;
  const placed = logSeq === undefined ? message : { ...message, logSeq };
  return { do: "send", sending: spread(placed, shards, 0) };
}

async function pageOf(
  message: AcceptedMessage,
  share: Share,
  after: UserId | undefined,
  crowds: Crowds,
): Promise<Stepped> {
  const users = await crowds.page(message, share, after, pageLimit(message));
  return { do: "send", sending: page(message, share, users) };
}
