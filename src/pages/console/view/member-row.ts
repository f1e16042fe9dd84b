/** A member of a topic as a line: who, whether online, and what can be done. */
import { element } from "../../common/dom.ts";
import type { Member, UserPresence } from "../audience-answers.ts";
import { mark, rowButton, timeText } from "./parts.ts";
import type { Row } from "./rows.ts";

export interface ListedMember {
  readonly member: Member;
  /** `undefined` where the key may not ask. */
  readonly presence: UserPresence | undefined;
}

export interface MemberActions {
  readonly remove: () => void;
  /** `undefined` where the key may not. */
  readonly watch: ((user: string) => void) | undefined;
}

export function memberRow(user: string, { remove, watch }: MemberActions): Row<ListedMember> {
  const state = element("span");
  const marks = element("span");
  return {
    element: element(
      "li",
      {},
      element("b", {}, user),
      state,
      marks,
      element(
        "span",
        { class: "actions" },
        ...(watch === undefined ? [] : [rowButton("Watch", user, () => watch(user))]),
        rowButton("Remove", user, remove),
      ),
    ),
    update: ({ member, presence }) => {
      state.replaceChildren(...(presence === undefined ? [] : stateOf(presence)));
      marks.replaceChildren(...(member.presence ? [mark("shares presence")] : []));
    },
  };
}

function stateOf({ online, since, unknown }: UserPresence): readonly (Node | string)[] {
  if (unknown === true) return [element("span", { class: "muted" }, "not known at the moment")];
  if (online !== true) return [element("span", { class: "state off" }, "offline")];
  return [element("span", { class: "state on" }, "online, since "), timeText(since)];
}
