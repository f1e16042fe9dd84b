/**
 * The receipt of a push, and below it what becomes of the message: for each user that is named, until that is settled,
 * and in numbers where receipts were asked for.
 */
import { byId, element, say } from "../../common/dom.ts";
import type { Receipt } from "../answers.ts";
import type { Api } from "../api.ts";
import type { Receipts } from "../audience-answers.ts";
import { type Body, named } from "../draft.ts";
import {
  countsInOrder,
  type Followed,
  followed,
  inWords,
  isSettled,
  nextAskMs,
  type Piece,
} from "../follow.ts";
import { count, duration } from "../format.ts";
import { saidOf } from "../said.ts";
import { type Look, lookWhileVisible } from "./look.ts";
import { deviceName, fact, timeText } from "./parts.ts";
import { retracted } from "./retract.ts";

/** Users of one message that are asked for: each costs a request a look. */
const maxFollowed = 10;

/** @param follows whether the key may ask how the message stands with a user */
export function receiptView(api: Api, follows: boolean): (receipt: Receipt, body: Body) => void {
  const retract = byId("receipt-retract", HTMLButtonElement);
  const outcome = byId("send-outcome", HTMLElement);
  let following: Look | undefined;
  let sent: { readonly receipt: Receipt; readonly body: Body } | undefined;

  const show = (receipt: Receipt, body: Body): void => {
    following?.stop();
    const kept = receipt.expires !== undefined;
    byId("receipt-facts", HTMLElement).replaceChildren(...factsOf(receipt, body));
    const users = named(body.to);
    const shown = followed(users.slice(0, maxFollowed), receipt);
    const showLines = users.length === 0 ? crowd() : lines(users.length - shown.length);
    showLines(shown);
    showCounts(undefined);
    retract.hidden = !kept;
    byId("receipt", HTMLElement).hidden = false;
    const asked = follows && kept ? shown : [];
    if (asked.length > 0 || body.receipts === true)
      following = follow(api, receipt.id, asked, body, showLines);
  };

  retract.addEventListener("click", async () => {
    if (sent === undefined) return;
    const { receipt, body } = sent;
    if (await retracted(api, outcome, receipt.id, body.to)) show(receipt, body);
  });
  return (receipt, body) => {
    sent = { receipt, body };
    show(receipt, body);
  };
}

function factsOf({ id, recipients, state, expires, ttl }: Receipt, { deliverAt }: Body): HTMLElement[] {
  return [
    fact("id", element("code", {}, id)),
    fact("state", state),
    ...(recipients === undefined ? [] : [fact("recipients", count(recipients))]),
    ...(deliverAt === undefined ? [] : [fact("to be delivered", timeText(deliverAt))]),
    ...(ttl === undefined ? [] : [fact("ttl", duration(ttl * 1_000))]),
    fact("expires", expires === undefined ? "never stored" : timeText(expires)),
  ];
}

function follow(
  api: Api,
  id: string,
  users: readonly Followed[],
  { receipts = false }: Body,
  show: (users: readonly Followed[]) => void,
): Look {
  const fault = byId("receipt-fault", HTMLElement);
  let now = users;
  const ask = (one: Followed): Promise<Followed> | Followed =>
    isSettled(one)
      ? one
      : api.messageState(one.user, id).then((state) => (state === undefined ? one : { ...one, state }));
  return lookWhileVisible({
    ask: () => Promise.all([Promise.all(now.map(ask)), receipts ? api.receipts(id) : undefined]),
    show: ([answers, counted]) => {
      now = answers;
      show(answers);
      showCounts(counted);
    },
    waitMs: (looks) => (now.every(isSettled) && !receipts ? undefined : nextAskMs(looks)),
    failed: (error) => say(fault, error === undefined ? "" : saidOf(error)),
  });
}

function showCounts(receipts: Receipts | undefined): void {
  const counts = receipts === undefined ? [] : countsInOrder(receipts);
  const list = byId("receipt-counts", HTMLElement);
  list.hidden = counts.length === 0;
  list.replaceChildren(...counts.map(([state, users]) => fact(state, count(users))));
}

/** In the place of users, where none is named. */
function crowd(): () => void {
  const word = element("li", { class: "muted" }, "Who gets it is found out on its way.");
  byId("receipt-users", HTMLElement).replaceChildren(word);
  return () => {};
}

/** A line for each user, of which only what changes is written, so that it alone is read out. */
function lines(others: number): (users: readonly Followed[]) => void {
  const list = byId("receipt-users", HTMLElement);
  const words = new Map<string, HTMLElement>();
  list.replaceChildren();
  return (users) => {
    for (const one of users) {
      const line = words.get(one.user) ?? element("span");
      if (!words.has(one.user)) list.append(element("li", {}, element("b", {}, one.user), " ", line));
      words.set(one.user, line);
      line.classList.toggle("settled", isSettled(one));
      sayPieces(line, inWords(one));
    }
    if (others > 0 && list.lastElementChild?.className !== "muted") {
      list.append(element("li", { class: "muted" }, `and ${count(others)} more, not followed`));
    }
  };
}

/** As `say`: nothing is written that stands there already. */
function sayPieces(line: HTMLElement, pieces: readonly Piece[]): void {
  const said = element("span");
  said.append(...pieces.map((piece) => (typeof piece === "string" ? piece : deviceName(piece.device))));
  if (line.textContent !== said.textContent) line.replaceChildren(...said.childNodes);
}
