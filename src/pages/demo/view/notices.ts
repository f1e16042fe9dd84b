/** What happened, said once: notices that stay until they are dismissed, and words for those who listen. */
import { byId, element, say } from "../../common/dom.ts";
import { arrivalWords } from "../words.ts";

/** Notices at once; older ones make room. */
const maxNotices = 3;
/** Messages that come within this time are announced together: a burst is one sentence. */
const gatherMs = 700;

/** Shows a notice, and says it. */
export function notice(text: string): void {
  const notices = byId("notices", HTMLElement);
  const dismiss = element("button", { class: "button small", type: "button" }, "Dismiss");
  const shown = element("p", { class: "notice" }, text, dismiss);
  dismiss.addEventListener("click", () => shown.remove());
  notices.append(shown);
  while (notices.children.length > maxNotices) notices.firstElementChild?.remove();
  announce(text);
}

const arrivals: { readonly priority: string; readonly title: string }[] = [];

/** Says that a message came, together with the others that come at the same time. */
export function announceArrival(priority: string, title: string): void {
  if (arrivals.unshift({ priority, title }) > 1) return;
  setTimeout(() => announce(arrivalWords(arrivals.splice(0))), gatherMs);
}

function announce(text: string): void {
  const announcement = byId("announcement", HTMLParagraphElement);
  // The same sentence again would not be a change, and not be said.
  if (announcement.textContent === text) announcement.textContent = "";
  say(announcement, text);
}
