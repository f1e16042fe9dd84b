/** Watching one user: presence, topics, preferences and inbox every few seconds; and what can be done about the user. */
import { byId, say } from "../../common/dom.ts";
import type { Api } from "../api.ts";
import { count, size } from "../format.ts";
import { confirmed } from "./confirm.ts";
import { presenceView } from "./devices.ts";
import { download } from "./download.ts";
import { inboxView } from "./inbox.ts";
import { freshness, type Look, lookWhileVisible } from "./look.ts";
import { messageView } from "./message.ts";
import { told } from "./outcome.ts";
import { pager } from "./parts.ts";
import { preferencesView } from "./user-preferences.ts";
import { userTopicsView } from "./user-topics.ts";

const everyMs = 3_000;

/** Returns how another panel asks to watch a user. @param may whether the key has a scope */
export function userPanel(api: Api, may: (scope: string) => boolean): (user: string) => void {
  const name = byId("user-name", HTMLInputElement);
  const fault = byId("user-name-fault", HTMLElement);
  const outcome = byId("user-outcome", HTMLElement);
  const title = byId("user-title", HTMLElement);
  const unread = byId("inbox-unread", HTMLInputElement);
  const view = byId("user-view", HTMLElement);
  const message = messageView(api);
  const showPresence = presenceView();
  const showTopics = userTopicsView(may("topics") ? (topic) => void leave(topic) : undefined);
  const showPreferences = preferencesView();
  const showInbox = inboxView(message.open);
  const failed = freshness("user");
  const pages = pager<number>(byId("inbox-pages", HTMLElement), () => look?.again());
  let watched = "";
  let look: Look | undefined;

  const watch = (user: string): void => {
    look?.stop();
    watched = user;
    pages.reset();
    message.reset(user);
    view.hidden = true;
    name.value = user;
    say(title, `Watching ${user}`);
    look = lookWhileVisible({
      ask: () =>
        Promise.all([
          api.presence(user),
          api.inbox(user, { cursor: pages.cursor(), unread: unread.checked }),
          api.topics(user),
          api.preferences(user),
        ]),
      show: ([presence, inbox, topics, preferences]) => {
        showPresence(presence, inbox.state);
        showTopics(topics);
        showPreferences(preferences);
        showInbox(inbox);
        pages.came(inbox.next);
        view.hidden = false;
      },
      waitMs: () => everyMs,
      failed,
    });
  };

  /** The name in the field, or nothing and a word about it. */
  const named = (): string | undefined => {
    const user = name.value.trim();
    say(fault, user === "" ? "Name a user." : "");
    if (user !== "") return user;
    name.focus();
    return undefined;
  };

  const disconnect = async (revoke: boolean): Promise<void> => {
    const user = named();
    if (user === undefined) return;
    const agreed = await confirmed({
      title: revoke ? `Disconnect ${user} and revoke?` : `Disconnect ${user}?`,
      text: revoke
        ? "Every connection is closed, and the connect tokens issued so far are refused: the devices stay away until your server gives them new ones."
        : "Every connection is closed. The devices come back by themselves.",
      action: revoke ? "Disconnect and revoke" : "Disconnect",
    });
    if (!agreed) return;
    await told(
      outcome,
      () => api.disconnect(user, revoke),
      (closed) => `${closed === 1 ? "1 connection" : `${closed} connections`} of ${user} closed.`,
    );
    look?.again();
  };

  const leave = async (topic: string): Promise<void> => {
    const user = watched;
    await told(
      outcome,
      () => api.leave(user, topic),
      ({ pending }) => `${user} has left ${topic}${pending ? "; the topic will be told later" : ""}.`,
    );
    look?.again();
  };

  const forgetPreferences = async (): Promise<void> => {
    const user = watched;
    const agreed = await confirmed({
      title: `Forget the preferences of ${user}?`,
      text: "Everything may disturb the user from then on. What was held back is announced at once.",
      action: "Forget",
    });
    if (!agreed) return;
    await told(
      outcome,
      () => api.forgetPreferences(user),
      () => `The preferences of ${user} are forgotten.`,
    );
    look?.again();
  };

  const exportAll = async (): Promise<void> => {
    const user = named();
    if (user === undefined) return;
    const exported = await told(
      outcome,
      () => api.exported(user),
      ({ file, records }) => `Exported of ${user}: ${count(records)} records, ${size(file.size)}.`,
    );
    if (exported !== undefined) download(exported.file, `${user}.ndjson`);
  };

  byId("user-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    const user = named();
    if (user !== undefined) watch(user);
  });
  unread.addEventListener("change", () => {
    pages.reset();
    look?.again();
  });
  byId("disconnect", HTMLButtonElement).addEventListener("click", () => void disconnect(false));
  byId("revoke", HTMLButtonElement).addEventListener("click", () => void disconnect(true));
  byId("export", HTMLButtonElement).addEventListener("click", () => void exportAll());
  byId("preferences-forget", HTMLButtonElement).addEventListener("click", () => void forgetPreferences());

  return (user) => {
    watch(user);
    title.focus();
  };
}
