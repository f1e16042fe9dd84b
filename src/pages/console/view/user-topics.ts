/** The topics that the watched user is in, and leaving one. */
import { byId, element } from "../../common/dom.ts";
import type { TopicView } from "../audience-answers.ts";
import { mark, rowButton } from "./parts.ts";
import { keyedRows, type Row, withFocusKept } from "./rows.ts";

/** @param leave `undefined` where the key may not */
export function userTopicsView(
  leave: ((topic: string) => void) | undefined,
): (topics: readonly TopicView[]) => void {
  const rows = byId("topics-of-rows", HTMLElement);
  const title = byId("topics-of-title", HTMLElement);
  const none = byId("topics-of-none", HTMLElement);
  const show = keyedRows(
    rows,
    ({ topic }: TopicView) => topic,
    ({ topic }) => topicRow(topic, leave),
  );
  return (topics) => {
    none.hidden = topics.length > 0;
    withFocusKept(rows, title, () => show(topics));
  };
}

function topicRow(topic: string, leave: ((topic: string) => void) | undefined): Row<TopicView> {
  const marks = element("span");
  const button = leave && rowButton("Leave", topic, () => leave(topic));
  return {
    element: element("li", {}, element("b", {}, topic), marks, ...(button === undefined ? [] : [button])),
    update: ({ presence, pending }) => {
      const words = [...(presence ? ["shares presence"] : []), ...(pending ? ["topic to be told"] : [])];
      marks.replaceChildren(...words.map(mark));
    },
  };
}
