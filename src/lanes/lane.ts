/** The lanes: one queue for each priority, and the dead lane behind them. */
import { type Priority, priorities } from "../protocol/priority.ts";

export type Lane = Priority | "dead";
export const laneNames = [...priorities, "dead"] as const satisfies readonly Lane[];

/** Each lane's binding and the name of its queue, as in `wrangler.toml`. */
export const lanes = {
  critical: { binding: "LANE_CRITICAL", queue: "hubbub-critical" },
  high: { binding: "LANE_HIGH", queue: "hubbub-high" },
  normal: { binding: "LANE_NORMAL", queue: "hubbub-normal" },
  low: { binding: "LANE_LOW", queue: "hubbub-low" },
  dead: { binding: "LANE_DEAD", queue: "hubbub-dead" },
} as const satisfies Record<Lane, { binding: keyof Env; queue: string }>;

/** The bindings of all lanes. */
export type LaneBindings = Pick<Env, (typeof lanes)[Lane]["binding"]>;

/** The lane whose queue has this name. */
export function laneOfQueue(queue: string): Lane | undefined {
  return laneNames.find((lane) => lanes[lane].queue === queue);
}
