/** The lanes as a table: what waits, how fast it moves, what became of everything so far. */
import { byId, element, say } from "../../common/dom.ts";
import { type Lane, type Lanes, type Priority, priorities } from "../answers.ts";
import { count, duration, moment, nothing, perSecond, size } from "../format.ts";
import { ratesOf } from "../rates.ts";
import { priorityMark } from "./parts.ts";

/** What a lane shows in each column after its name. */
function cellsOf(lane: Lane, { at, since }: Lanes): readonly string[] {
  const rates = ratesOf(lane.recent, at, since);
  const { accepted, committed, live, retried, duplicate, expired, gone, dead } = lane.total;
  const { backlog } = lane;
  return [
    backlog === null ? "?" : count(backlog.envelopes),
    backlog?.oldest === undefined ? nothing : duration(at - backlog.oldest),
    perSecond(rates.in),
    perSecond(rates.out),
    ...[accepted, committed + live, retried, duplicate, expired, gone, dead].map(count),
  ];
}

/** Columns of {@link cellsOf} that stand out when they are not at rest. */
const backlogColumn = 0;
const deadColumn = 10;

/** Makes the rows, and returns how to show an answer in them. */
export function lanesTable(): (lanes: Lanes) => void {
  const rows = priorities.map(rowOf);
  byId("lanes-rows", HTMLElement).append(...rows.map(({ row }) => row));
  const note = byId("lanes-note", HTMLElement);
  return (lanes) => {
    for (const { show } of rows) show(lanes);
    say(note, `Rates over the last minute. Totals count recipients, since ${moment(lanes.since)}.`);
    byId("lanes-view", HTMLElement).hidden = false;
  };
}

function rowOf(priority: Priority) {
  const row = element("tr", {}, element("th", { scope: "row" }, priorityMark(priority)));
  const cells = Array.from({ length: deadColumn + 1 }, () => element("td"));
  row.append(...cells);
  return {
    row,
    show: (lanes: Lanes) => {
      const lane = lanes.lanes[priority];
      for (const [column, text] of cellsOf(lane, lanes).entries()) {
        const cell = cells[column];
        if (cell === undefined) continue;
        say(cell, text);
        cell.classList.toggle("rest", text === "0" || text === nothing);
      }
      const { backlog, total } = lane;
      cells[backlogColumn]?.setAttribute(
        "title",
        backlog === null ? "the queue gave no answer" : size(backlog.bytes),
      );
      cells[deadColumn]?.classList.toggle("bad", total.dead > 0);
    },
  };
}
