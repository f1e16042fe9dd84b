/**
 * How far each tab is, the leader itself among them. The hub hears of what all of them have handled, so
 * that a slow tab slows the stream and does not pile it up; a tab that is stuck is not waited for while
 * others go on. Pure.
 */
import type { Seq } from "../../protocol/seq.ts";
import * as clientLimits from "../limits.ts";
import type { TabId } from "./words.ts";

interface Pace {
  readonly acked: Seq;
  /** Since when it has made no step, or had nothing to do. */
  readonly since: number;
}

export type Paces = ReadonlyMap<TabId, Pace>;

/** With a tab that has handled everything up to there. */
export function noted(paces: Paces, tab: TabId, acked: Seq, now: number): Paces {
  return new Map(paces).set(tab, { acked, since: now });
}

/** Without a tab. */
export function without(paces: Paces, tab: TabId): Paces {
  return new Map([...paces].filter(([other]) => other !== tab));
}

/** When more comes than was `received` until now: who had handled all of that has something to do from now on. */
export function fed(paces: Paces, received: Seq, now: number): Paces {
  return new Map(
    [...paces].map(([tab, pace]) => [tab, pace.acked < received ? pace : { ...pace, since: now }]),
  );
}

/** What may be acknowledged of what was `received`. Where all are stuck, nothing: then the hub must wait. */
export function acknowledgeable(paces: Paces, received: Seq, now: number): Seq {
  const all = [...paces.values()];
  const moving = all.filter(
    ({ acked, since }) => acked >= received || now - since < clientLimits.tabPatienceMs,
  );
  return Math.min(received, ...(moving.length > 0 ? moving : all).map(({ acked }) => acked));
}

/** How long until a tab that is waited for turns out to be stuck; infinite where none is. */
export function patienceMs(paces: Paces, acknowledged: Seq, now: number): number {
  const all = [...paces.values()];
  if (all.every(({ acked }) => acked <= acknowledged)) return Number.POSITIVE_INFINITY;
  const left = all
    .filter(({ acked }) => acked <= acknowledged)
    .map(({ since }) => since + clientLimits.tabPatienceMs - now);
  return Math.min(...left.filter((ms) => ms > 0));
}
