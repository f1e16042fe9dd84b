/** A topic: how many members it has, who they are and whether they are online; adding and removing some. */
import { byId, say } from "../../common/dom.ts";
import type { Api } from "../api.ts";
import type { Member, UserPresence } from "../audience-answers.ts";
import { usersOf } from "../draft.ts";
import { count } from "../format.ts";
import { changedInWords } from "../member-words.ts";
import { saidOf } from "../said.ts";
import { freshness, type Look, lookWhileVisible } from "./look.ts";
import { type ListedMember, memberRow } from "./member-row.ts";
import { tell } from "./outcome.ts";
import { pager } from "./parts.ts";
import { keyedRows, withFocusKept } from "./rows.ts";

const everyMs = 5_000;

/** @param watch how to watch a user, where the key may: then it may also ask who is online */
export function topicsPanel(api: Api, watch: ((user: string) => void) | undefined): void {
  const name = byId("topic-name", HTMLInputElement);
  const nameFault = byId("topic-name-fault", HTMLElement);
  const users = byId("member-users", HTMLInputElement);
  const usersFault = byId("member-users-fault", HTMLElement);
  const outcome = byId("topic-outcome", HTMLElement);
  const title = byId("topic-title", HTMLElement);
  const rows = byId("topic-rows", HTMLElement);
  const view = byId("topic-view", HTMLElement);
  const failed = freshness("topic");
  const pages = pager<string>(byId("topic-pages", HTMLElement), () => look?.again(), {
    back: "Back",
    on: "More",
  });
  let shown = "";
  let look: Look | undefined;

  const showRows = keyedRows(
    rows,
    ({ member }: ListedMember) => member.user,
    ({ member: { user } }) => memberRow(user, { watch, remove: () => void change({ remove: [user] }) }),
  );

  const ask = async (topic: string) => {
    const [members, page] = await Promise.all([api.topic(topic), api.members(topic, pages.cursor())]);
    const here = page.members.map(({ user }) => user);
    const presence = watch === undefined || here.length === 0 ? [] : await api.presenceOf(here);
    return { members, page, presence };
  };

  const open = (topic: string): void => {
    look?.stop();
    shown = topic;
    pages.reset();
    view.hidden = true;
    say(outcome, "");
    say(title, `Topic ${topic}`);
    look = lookWhileVisible({
      ask: () => ask(topic),
      show: ({ members, page, presence }) => {
        say(byId("topic-count", HTMLElement), members === 1 ? "1 member" : `${count(members)} members`);
        withFocusKept(rows, title, () => showRows(listed(page.members, presence)));
        pages.came(page.next);
        view.hidden = false;
      },
      waitMs: () => everyMs,
      failed,
    });
  };

  const change = async (asked: Parameters<Api["changeMembers"]>[1]): Promise<void> => {
    try {
      const { text, kind } = changedInWords(await api.changeMembers(shown, asked));
      tell(outcome, text, kind);
    } catch (error) {
      tell(outcome, saidOf(error), "bad");
    }
    look?.again();
  };

  /** The users in the field, or nothing and a word about it. */
  const named = (): readonly string[] => {
    const found = usersOf(users.value);
    say(usersFault, found.length === 0 ? "Name a user." : "");
    if (found.length === 0) users.focus();
    return found;
  };

  byId("topic-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const topic = name.value.trim();
    say(nameFault, topic === "" ? "Name a topic." : "");
    if (topic === "") name.focus();
    else open(topic);
  });
  byId("member-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const add = named();
    if (add.length > 0) void change({ add });
  });
  byId("member-remove", HTMLButtonElement).addEventListener("click", () => {
    const remove = named();
    if (remove.length > 0) void change({ remove });
  });
}

function listed(members: readonly Member[], presence: readonly UserPresence[]): readonly ListedMember[] {
  const known = new Map(presence.map((one) => [one.user, one]));
  return members.map((member) => ({ member, presence: known.get(member.user) }));
}
