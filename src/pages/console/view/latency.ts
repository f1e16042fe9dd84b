/** Latency by priority: a strip for each, drawn anew with every answer, and the same numbers as text and as a table. */
import { byId, element, say } from "../../common/dom.ts";
import { type Interval, type Lanes, type Priority, priorities } from "../answers.ts";
import { type Box, chartSpanMs, scaleTop, stripOf } from "../chart.ts";
import { clock, count, duration, nothing } from "../format.ts";
import { intervalMs, type LatencySummary, latencyOf } from "../rates.ts";
import { priorityMark } from "./parts.ts";
import { svgElement } from "./svg.ts";

/** In units of the drawing, which is stretched to the width that there is. */
const box: Box = { left: 0, top: 3, width: 600, height: 46 };
const viewBox = `0 0 ${box.width} ${box.top + box.height + 1}`;

export function latencyChart(): (lanes: Lanes) => void {
  const strips = priorities.map(stripFor);
  byId("strips", HTMLElement).append(...strips.map(({ item }) => item));
  const axis = byId("latency-axis", HTMLElement);
  const showNumbers = numbersTable();
  return (lanes) => {
    const measured = priorities.flatMap((priority) => latencyOf(lanes.lanes[priority].recent) ?? []);
    const decades = scaleTop(Math.max(...measured.map(({ peak }) => peak)));
    for (const { show } of strips) show(lanes, decades);
    axis.replaceChildren(
      element("span", {}, `${duration(chartSpanMs)} ago`),
      element("span", {}, `1 ms to ${count(10 ** (decades - 3))} s, each line ten times the last`),
      element("span", {}, "now"),
    );
    showNumbers(lanes);
    byId("latency-view", HTMLElement).hidden = false;
  };
}

function stripFor(priority: Priority) {
  const label = element("span", { class: "spoken" });
  const drawing = svgElement("svg", { viewBox, preserveAspectRatio: "none", "aria-hidden": "true" });
  const [p50, p95] = [element("b"), element("b")];
  const values = element(
    "div",
    { class: "values", "aria-hidden": "true" },
    element("p", { class: "solid" }, "p50 ", p50),
    element("p", { class: "dashed" }, "p95 ", p95),
  );
  return {
    item: element(
      "li",
      {},
      priorityMark(priority),
      element("div", { class: "strip" }, drawing),
      values,
      label,
    ),
    show: ({ at, lanes }: Lanes, decades: number) => {
      const { recent } = lanes[priority];
      const summary = latencyOf(recent);
      say(label, inWords(summary));
      say(p50, summary === undefined ? nothing : duration(summary.latest.p50));
      say(p95, summary === undefined ? nothing : duration(summary.latest.p95));
      draw(drawing, recent, at, decades);
    },
  };
}

function inWords(summary: LatencySummary | undefined): string {
  if (summary === undefined) return "Nothing was sent to a connected device in the last 10 minutes.";
  const { latest, peak } = summary;
  return (
    `At ${clock(latest.at)} half of the messages took up to ${duration(latest.p50)}, 95 percent up to ` +
    `${duration(latest.p95)}. Highest 95 percent mark of the last 10 minutes: ${duration(peak)}. ` +
    `${count(summary.count)} messages measured.`
  );
}

function draw(drawing: SVGSVGElement, recent: readonly Interval[], now: number, decades: number): void {
  const { median, high, band, slots } = stripOf(recent, now, decades, box);
  const lines = Array.from({ length: decades + 1 }, (_, decade) => {
    const y = box.top + box.height * (1 - decade / decades);
    return svgElement("path", { class: "grid", d: `M0 ${y}H${box.width}` });
  });
  drawing.replaceChildren(
    ...lines,
    svgElement("path", { class: "band", d: band }),
    svgElement("path", { class: "high", d: high }),
    svgElement("path", { class: "median", d: median }),
    ...slots.map(({ interval, left, width }) =>
      svgElement(
        "rect",
        { class: "slot", x: left, y: 0, width, height: box.top + box.height },
        svgElement("title", {}, slotText(interval)),
      ),
    ),
  );
}

function slotText({ at, latency }: Interval): string {
  const { p50, p95 } = latency;
  const messages = latency.count === 1 ? "1 message" : `${count(latency.count)} messages`;
  return `${clock(at)}–${clock(at + intervalMs)}: p50 ${duration(p50)}, p95 ${duration(p95)}, ${messages}`;
}

/** Filled only while it is open: up to 240 rows. */
function numbersTable(): (lanes: Lanes) => void {
  const details = byId("latency-numbers", HTMLDetailsElement);
  const body = byId("latency-rows", HTMLElement);
  let last: Lanes | undefined;
  const show = () => {
    if (!details.open || last === undefined) return;
    const { lanes } = last;
    const measured = priorities.flatMap((priority) =>
      lanes[priority].recent
        .filter(({ latency }) => latency.count > 0)
        .map((interval) => ({ priority, interval })),
    );
    measured.sort((one, other) => other.interval.at - one.interval.at);
    body.replaceChildren(...measured.map(({ priority, interval }) => numbersRow(priority, interval)));
  };
  details.addEventListener("toggle", show);
  return (lanes) => {
    last = lanes;
    show();
  };
}

function numbersRow(priority: Priority, { at, latency }: Interval): HTMLElement {
  const { p50, p95, p99 } = latency;
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, clock(at)),
    element("td", { class: "text" }, priorityMark(priority)),
    element("td", {}, count(latency.count)),
    ...[p50, p95, p99].map((ms) => element("td", {}, duration(ms))),
  );
}
