/**
 * The inbox demo, and the example to copy: all that an app does with the hub stands in `follow` below. The rest of this
 * folder is the page: `inbox.ts` is what the list shows, `words.ts` what it says, and `view` puts that on the screen.
 */
import { HubClient, webStorage } from "../../client/index.ts";
import { byId, say } from "../common/dom.ts";
import { contentOf } from "./content.ts";
import * as changes from "./inbox.ts";
import { pushLine } from "./push-line.ts";
import { linkTo, type Session, sessionOf } from "./session.ts";
import { dropSession, keepSession, takeSession } from "./tab.ts";
import { connectionStrip } from "./view/connection.ts";
import { listOn } from "./view/list.ts";
import { announceArrival, notice } from "./view/notices.ts";
import {
  bellWords,
  digestWords,
  discontinuityWords,
  faultWords,
  gapWords,
  needsToken,
  titleWords,
} from "./words.ts";

const bell = byId("bell", HTMLButtonElement);
const older = byId("older", HTMLButtonElement);
const readAll = byId("read-all", HTMLButtonElement);

const list = listOn((id) => markAsRead({ ids: [id] }));
const showStatus = connectionStrip(() => session !== undefined && follow(session));

let session: Session | undefined;
let client: HubClient | undefined;
let inbox = changes.emptyInbox;

/** Connects as the user, and keeps the page up to date with what the hub tells. */
function follow({ user, token }: Session): void {
  client?.close();
  const hub = new HubClient({
    url: location.origin,
    // An app asks its own server here, which gets a fresh token with POST /v1/tokens.
    token: async () => token,
    // Where this browser stands in the stream. Its tabs share that, and one connection.
    storage: webStorage(`hubbub:${user}`),
    onStatus: (status) => {
      if (hub !== client) return;
      showStatus(status);
      if (needsToken(status)) askForToken("The token is over, or was refused. Paste a fresh one to go on.");
      // What came is in the list already; what was read or expired meanwhile is not.
      else if (status.state === "live") reload(hub);
    },
    onState: (state) => {
      if (hub !== client) return;
      if (changes.leavesOpen(inbox, state)) reload(hub);
      show(changes.marked(inbox, state));
    },
    onGap: (gap) => {
      if (hub !== client) return;
      show(changes.without(inbox, ({ seq }) => seq >= gap.from && seq <= gap.to));
      notice(gapWords(gap));
    },
    onWithdrawn: ({ id }) => {
      if (hub === client) show(changes.withdrawn(inbox, id));
    },
    onDigest: (digest) => {
      if (hub === client) notice(digestWords(digest));
    },
    onDiscontinuity: (reason) => {
      if (hub !== client) return;
      const words = discontinuityWords(reason);
      if (words === undefined) return;
      notice(words);
      show(changes.emptyInbox);
    },
    onFault: (fault) => notice(faultWords(fault)),
  });
  hub.on("*", (message) => {
    if (hub !== client) return;
    const { title } = contentOf(message);
    if (message.seq === undefined) notice(`For who is here right now: ${title}`);
    else show(changes.arrived(inbox, message));
    // What is not to disturb is in the list, and nothing more; the digest tells of what came in quiet hours.
    if (hub.status.state === "live" && message.silent !== true) announceArrival(message.priority, title);
  });
  client = hub;
  reload(hub);
  hub.start();
}

/** The newest page of the inbox, as the hub has it now. */
async function reload(hub: HubClient): Promise<void> {
  try {
    const page = await hub.inbox({ limit: changes.pageSize });
    if (hub === client) show(changes.reloaded(inbox, page));
  } catch (error) {
    // Without a network the strip above says so, and the next connection asks again.
    if (hub === client && hub.status.state === "live") notice(`The inbox could not be listed: ${error}`);
  }
}

async function loadOlder(): Promise<void> {
  const hub = client;
  if (hub === undefined || inbox.older === undefined) return;
  older.disabled = true;
  try {
    const page = await hub.inbox({ cursor: inbox.older, limit: changes.pageSize });
    if (hub === client) show(changes.extended(inbox, page));
  } catch {
    notice("Older messages could not be loaded. Try again when the connection is back.");
  } finally {
    older.disabled = false;
  }
}

/** At once here; the client tells the hub, with the next connection if there is none. */
async function markAsRead(which: { readonly ids: readonly string[] } | "all"): Promise<void> {
  if (client === undefined) return;
  const upTo = inbox.entries[0]?.seq ?? 0;
  show(changes.markedHere(inbox, which));
  try {
    await client.read(which === "all" ? { upTo } : which);
  } catch {
    notice("The hub does not know yet that this was read. Connect again, then repeat it.");
  }
}

function show(next: changes.Inbox): void {
  inbox = next;
  list.show(inbox, Date.now());
  const { unread } = inbox.state;
  document.title = titleWords(unread);
  bell.setAttribute("aria-label", bellWords(unread));
  say(byId("count", HTMLSpanElement), unread === 0 ? "" : unread > 99 ? "99+" : String(unread));
  readAll.disabled = unread === 0 && inbox.entries.every(({ read }) => read);
}

/** The page without a user: says why, and takes a token. */
function askForToken(why: string): void {
  session = undefined;
  client?.close();
  client = undefined;
  dropSession();
  say(byId("why", HTMLParagraphElement), why);
  reveal("sign-in");
  byId("token", HTMLTextAreaElement).focus();
}

/** The page of a user. */
function signIn(next: Session): void {
  session = next;
  keepSession(next);
  say(byId("who", HTMLSpanElement), next.user);
  say(byId("push-line", HTMLElement), pushLine(location.origin, next.user));
  byId("second", HTMLAnchorElement).href = linkTo(next);
  reveal("inbox");
  show(changes.emptyInbox);
  follow(next);
}

function reveal(view: "inbox" | "sign-in"): void {
  for (const id of ["inbox", "sign-in"]) byId(id, HTMLElement).hidden = id !== view;
  bell.hidden = view !== "inbox";
  byId("connection", HTMLDivElement).hidden = view !== "inbox";
  if (view === "sign-in") {
    say(byId("who", HTMLSpanElement), "");
    document.title = "Inbox · Hubbub";
  }
}

function begin(): void {
  const found = takeSession();
  if (found === undefined) askForToken("");
  else if (found.expires <= Date.now()) askForToken(`The token of ${found.user} is over. Paste a fresh one.`);
  else signIn(found);
}

bell.addEventListener("click", () => list.focusUnread());
older.addEventListener("click", loadOlder);
readAll.addEventListener("click", () => markAsRead("all"));
byId("leave", HTMLButtonElement).addEventListener("click", () => askForToken(""));
byId("copy", HTMLButtonElement).addEventListener("click", async () => {
  const line = byId("push-line", HTMLElement).textContent ?? "";
  const copied = await navigator.clipboard?.writeText(line).then(
    () => true,
    () => false,
  );
  say(byId("copied", HTMLSpanElement), copied === true ? "Copied" : "Select the line and copy it by hand");
});
byId("token-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("token", HTMLTextAreaElement);
  const pasted = sessionOf(field.value.trim());
  say(
    byId("problem", HTMLParagraphElement),
    pasted === undefined ? "That is no connect token, or not the whole of one. Copy it again." : "",
  );
  if (pasted === undefined) return;
  field.value = "";
  signIn(pasted);
});
// A link that is opened again in the same tab changes the fragment only.
addEventListener("hashchange", begin);
// Ages grow, and what has expired is in no inbox any more.
setInterval(() => show(changes.without(inbox, ({ expires }) => expires <= Date.now())), 15_000);
begin();
