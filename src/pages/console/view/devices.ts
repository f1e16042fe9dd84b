/** Who a user is at this moment: online or not, how much is unread, and each device with its place in the stream. */
import { byId, element, say } from "../../common/dom.ts";
import type { Device, Inbox, Presence } from "../answers.ts";
import { count } from "../format.ts";
import { deviceName, fact, timeText } from "./parts.ts";
import { keyedRows, type Row } from "./rows.ts";

export function presenceView(): (presence: Presence, state: Inbox["state"]) => void {
  const stats = byId("user-stats", HTMLElement);
  // By the head too: how far behind a device is, only the two together tell.
  const showDevices = keyedRows(
    byId("devices-rows", HTMLElement),
    ({ device }: Placed) => device.device,
    ({ device }) => deviceRow(device.device),
  );
  return ({ online, since, head, unread, devices }, { readUpTo }) => {
    stats.replaceChildren(
      fact(
        "now",
        online
          ? element("span", { class: "state on" }, "online")
          : element("span", { class: "state off" }, "offline"),
      ),
      fact("since", timeText(since)),
      fact("unread", count(unread)),
      fact("read up to", count(readUpTo)),
      fact("head", count(head)),
    );
    byId("devices", HTMLElement).hidden = devices.length === 0;
    byId("devices-none", HTMLElement).hidden = devices.length > 0;
    showDevices(devices.map((device) => ({ device, head })));
  };
}

interface Placed {
  readonly device: Device;
  readonly head: number;
}

function deviceRow(device: string): Row<Placed> {
  const name = element("th", { scope: "row" }, deviceName(device));
  const [state, cursor, inFlight, since, seen] = [
    element("td", { class: "text" }),
    element("td"),
    element("td"),
    element("td"),
    element("td"),
  ];
  return {
    element: element("tr", {}, name, state, cursor, inFlight, since, seen),
    update: ({ device: { connection, cursor: at, lastSeen }, head }) => {
      const now = connection?.state ?? "offline";
      state.replaceChildren(
        element("span", { class: `state ${connection === undefined ? "off" : "on"} ${now}` }, now),
      );
      say(cursor, at < head ? `${count(at)} (${count(head - at)} behind)` : count(at));
      say(inFlight, connection === undefined ? "–" : count(connection.inFlight));
      since.replaceChildren(timeText(connection?.since));
      seen.replaceChildren(timeText(lastSeen));
    },
  };
}
