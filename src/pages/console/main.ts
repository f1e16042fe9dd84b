/** The operator's console: takes the key, sees what it may do, and starts the panels for that. */
import { byId, say } from "../common/dom.ts";
import type { Key } from "./answers.ts";
import { type Api, apiWith } from "./api.ts";
import { saidOf } from "./said.ts";
import { deadLettersPanel } from "./view/dead-letters.ts";
import { lanesTable } from "./view/lanes.ts";
import { latencyChart } from "./view/latency.ts";
import { freshness, lookWhileVisible } from "./view/look.ts";
import { scrollableByKeyboard } from "./view/scroll.ts";
import { sendPanel } from "./view/send.ts";
import { keep, keptKey, lastWord, leave } from "./view/session.ts";
import { topicsPanel } from "./view/topics.ts";
import { userPanel } from "./view/user.ts";

const lanesEveryMs = 5_000;

const unlock = byId("unlock", HTMLElement);
const input = byId("key", HTMLInputElement);
const fault = byId("key-fault", HTMLElement);

byId("unlock-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  void open(input.value.trim());
});
byId("forget", HTMLButtonElement).addEventListener("click", () => leave("The key is forgotten."));

const kept = keptKey();
if (kept === undefined) ask(lastWord());
else await open(kept);

async function open(key: string): Promise<void> {
  if (!/^hub_\w+$/.test(key)) {
    ask("That is no API key: they begin with hub_.");
    return;
  }
  let opened = false;
  const api = apiWith(key, () => {
    if (opened) leave("The hub takes the key no more.");
  });
  try {
    const found = await api.key();
    opened = true;
    keep(key);
    start(api, found);
  } catch (error) {
    ask(saidOf(error));
    // For another try, if it was not the key's fault.
    input.value = key;
  }
}

/** Shows the field for the key, with a word about why. */
function ask(why: string): void {
  unlock.hidden = false;
  say(fault, why);
  input.toggleAttribute("aria-invalid", false);
  input.focus();
  input.select();
}

function start(api: Api, { id, scopes }: Key): void {
  const may = (scope: string) => scopes.includes(scope);
  input.value = "";
  unlock.hidden = true;
  say(byId("key-id", HTMLElement), id);
  byId("session", HTMLElement).hidden = false;
  showScopes(may);
  byId("work", HTMLElement).hidden = false;
  byId("title", HTMLElement).focus();
  scrollableByKeyboard(document.querySelectorAll(".scroll"));

  sendPanel(api, may("users:read"));
  const watch = userPanel(api, may);
  if (may("metrics")) watchLanes(api);
  const watchIfAllowed = may("users:read") ? watch : undefined;
  if (may("topics")) topicsPanel(api, watchIfAllowed);
  if (may("dead-letters")) deadLettersPanel(api, watchIfAllowed);
}

/** Switches off what the key may not do, and says so; all else stays. */
function showScopes(may: (scope: string) => boolean): void {
  for (const word of document.querySelectorAll<HTMLElement>("[data-lacks]")) {
    word.hidden = may(word.getAttribute("data-lacks") ?? "");
  }
  for (const control of document.querySelectorAll("[data-scope]")) {
    control.toggleAttribute("disabled", !may(control.getAttribute("data-scope") ?? ""));
  }
}

function watchLanes(api: Api): void {
  const showTable = lanesTable();
  const showChart = latencyChart();
  lookWhileVisible({
    ask: api.lanes,
    show: (lanes) => {
      showTable(lanes);
      showChart(lanes);
    },
    waitMs: () => lanesEveryMs,
    failed: freshness("lanes"),
  });
}
