/** What the watched user wants not to be disturbed by. */
import { byId, element } from "../../common/dom.ts";
import type { Preferences } from "../audience-answers.ts";
import { preferencesInWords } from "../preference-words.ts";

/** The button that forgets them is there when there are any. */
export function preferencesView(): (preferences: Preferences) => void {
  const rows = byId("preferences-rows", HTMLElement);
  const forget = byId("preferences-forget", HTMLButtonElement);
  const title = byId("preferences-title", HTMLElement);
  return (preferences) => {
    const lines = preferencesInWords(preferences);
    rows.replaceChildren(
      ...lines.map((line) => element("li", {}, line)),
      ...(lines.length === 0 ? [element("li", { class: "muted" }, "None: everything may disturb.")] : []),
    );
    const focused = document.activeElement === forget;
    forget.hidden = lines.length === 0;
    if (focused && forget.hidden) title.focus();
  };
}
