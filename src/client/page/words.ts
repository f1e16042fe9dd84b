/** What the tabs of a browser say to each other. They may run different versions of the app, so it is checked. */
import type { ServerFrame } from "../../protocol/frames.ts";
import type { Seq } from "../../protocol/seq.ts";
import type { Resume } from "../connector.ts";
import { isServerFrame } from "../parse-frame.ts";
import { isFields, isLike, type Shape } from "../shape.ts";

/** Names a tab for as long as it is open. */
export type TabId = string;

export type Word =
  /** To the leader: I am here, and have everything up to there. */
  | { readonly kind: "join"; readonly tab: TabId; readonly resume?: NonNullable<Resume> }
  /** To the leader: what this tab has handled; a sign of life, to be answered. */
  | { readonly kind: "ack"; readonly tab: TabId; readonly seq: Seq }
  | { readonly kind: "ping"; readonly tab: TabId }
  | { readonly kind: "leave"; readonly tab: TabId }
  /** To the leader: somebody looks at a tab, so look after the connection. */
  | { readonly kind: "hurry" }
  /** From the leader to all: there is a connection, join it. */
  | { readonly kind: "lead" }
  /** From the leader, to one tab or to all: a frame of the hub, a sign of life, the end of the connection. */
  | { readonly kind: "frame"; readonly to?: TabId; readonly frame: ServerFrame }
  | { readonly kind: "heard"; readonly to: TabId }
  | { readonly kind: "closed"; readonly to?: TabId; readonly code: number; readonly reason: string }
  /** From who led, to all: the hub will not have us. */
  | { readonly kind: "refused"; readonly code: number; readonly reason: string };

const shapes: ReadonlyMap<unknown, Shape> = new Map<Word["kind"], Shape>([
  ["join", { tab: "", resume: () => ({ epoch: "", seq: 0 }) }],
  ["ack", { tab: "", seq: 0 }],
  ["ping", { tab: "" }],
  ["leave", { tab: "" }],
  ["hurry", {}],
  ["lead", {}],
  ["frame", { to: () => "" }],
  ["heard", { to: "" }],
  ["closed", { to: () => "", code: 0, reason: "" }],
  ["refused", { code: 0, reason: "" }],
]);

/** Whether a value is a word that is known here. */
export function isWord(value: unknown): value is Word {
  if (!isFields(value)) return false;
  const { kind, frame } = value;
  const shape = shapes.get(kind);
  return shape !== undefined && isLike(value, shape) && (kind !== "frame" || isServerFrame(frame));
}
