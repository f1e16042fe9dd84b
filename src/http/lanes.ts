/** `GET /v1/lanes`: what waits in each lane, and what the hub has counted of it. */
import { type Backlog, backlogOf } from "../lanes/backlog.ts";
import type { LaneCounts, Outcome } from "../observe/counts.ts";
import { countOf, type Histogram, quantile } from "../observe/histogram.ts";
import { meterName, type Reading } from "../observe/meter.ts";
import { type Priority, priorities } from "../protocol/priority.ts";
import { requireScope } from "./authenticate.ts";
import type { Handler } from "./context.ts";

/** Milliseconds, of the messages that a connected device was sent; all 0 where there were none. */
export interface LatencyView {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Recipients of 10 seconds. */
export interface IntervalView {
  /** The beginning, in milliseconds since 1970. */
  readonly at: number;
  readonly accepted: number;
  /** Taken by the users' objects: `committed` or `live`. */
  readonly delivered: number;
  readonly dead: number;
  readonly latency: LatencyView;
}

export interface LaneView {
  /** `null` where the queue gave no answer. */
  readonly backlog: Backlog | null;
  /** Recipients since counting began. */
  readonly total: Readonly<Record<Outcome, number>>;
  /** The last 10 minutes, oldest first, without intervals in which nothing happened. */
  readonly recent: readonly IntervalView[];
}

/** Answers `{ at, since, lanes: { critical, high, normal, low } }`, each a {@link LaneView}. */
export const listLanes: Handler = async (context) => {
  requireScope(context, "metrics");
  const [{ at, since, ...counted }, backlogs] = await Promise.all([
    context.env.METER.getByName(meterName).read(),
    Promise.all(priorities.map(async (lane) => ({ lane, backlog: await backlogOf(context.env, lane) }))),
  ]);
  const lanes = backlogs.map(({ lane, backlog }) => [lane, laneView(lane, counted, backlog)]);
  return context.json({ at, since, lanes: Object.fromEntries(lanes) });
};

function laneView(
  lane: Priority,
  { totals, recent }: Pick<Reading, "totals" | "recent">,
  backlog: Backlog | null,
): LaneView {
  return {
    backlog,
    total: { ...none, ...totals[lane]?.recipients },
    recent: recent.flatMap(({ at, counts }) => {
      const ofLane = counts[lane];
      return ofLane === undefined ? [] : [intervalView(at, ofLane)];
    }),
  };
}

const none: LaneView["total"] = {
  accepted: 0,
  committed: 0,
  duplicate: 0,
  live: 0,
  scheduled: 0,
  expired: 0,
  gone: 0,
  withdrawn: 0,
  offline: 0,
  left: 0,
  dead: 0,
  retried: 0,
};

function intervalView(at: number, { recipients, latencies }: LaneCounts): IntervalView {
  const { accepted, committed, live, dead } = { ...none, ...recipients };
  return { at, accepted, delivered: committed + live, dead, latency: latencyView(latencies) };
}

function latencyView(latencies: Histogram): LatencyView {
  return {
    count: countOf(latencies),
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    p99: quantile(latencies, 0.99),
  };
}
