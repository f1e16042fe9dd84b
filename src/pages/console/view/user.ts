/** Watching one user: presence, devices and inbox every few seconds; and the end of the user's connections. */
import { byId, say } from "../../common/dom.ts";
import type { Api } from "../api.ts";
import { confirmed } from "./confirm.ts";
import { presenceView } from "./devices.ts";
import { inboxView } from "./inbox.ts";
import { freshness, type Look, lookWhileVisible } from "./look.ts";
import { told } from "./outcome.ts";
import { pager } from "./parts.ts";

const everyMs = 3_000;

/** Returns how another panel asks to watch a user. */
export function userPanel(api: Api): (user: string) => void {
  const name = byId("user-name", HTMLInputElement);
  const fault = byId("user-name-fault", HTMLElement);
  const outcome = byId("user-outcome", HTMLElement);
  const title = byId("user-title", HTMLElement);
  const unread = byId("inbox-unread", HTMLInputElement);
  const view = byId("user-view", HTMLElement);
  const showPresence = presenceView();
  const showInbox = inboxView();
  const failed = freshness("user");
  const pages = pager(byId("inbox-pages", HTMLElement), () => look?.again());
  let look: Look | undefined;

  const watch = (user: string): void => {
    look?.stop();
    pages.reset();
    view.hidden = true;
    name.value = user;
    say(title, `Watching ${user}`);
    look = lookWhileVisible({
      ask: async () => {
        const query = { cursor: pages.cursor(), unread: unread.checked };
        return Promise.all([api.presence(user), api.inbox(user, query)]);
      },
      show: ([presence, inbox]) => {
        showPresence(presence, inbox.state);
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

  return (user) => {
    watch(user);
    title.focus();
  };
}
