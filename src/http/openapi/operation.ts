/** How one route is described: with the schemas that validate its requests, and schemas of its answers. */
import type { z } from "zod";
import type { Scope } from "../../auth/api-key.ts";
import type { ProblemCode } from "../problem.ts";

/**
 * Who may ask.
 * - `scope`: an API key with it; `null` for any key. With `self`, the connect token of the user in the path too.
 * - `self` alone: that connect token and nothing else.
 */
export type Asker =
  | { readonly scope: Scope | null; readonly self?: true }
  | { readonly self: true }
  | "anybody";

/** An answer that is no problem. */
export interface Answer {
  readonly description: string;
  /** Absent where there is no body. */
  readonly body?: z.ZodType;
  /** `application/json` if not given. */
  readonly media?: string;
}

export interface Operation {
  /** Unique; what a generated client calls it. */
  readonly id: string;
  readonly tag: Tag;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  readonly asker: Asker;
  readonly path?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: z.ZodType;
  /** Whether the body may be left out. */
  readonly bodyOptional?: true;
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Beside those that any route may answer and those that follow from the fields above. */
  readonly problems?: readonly ProblemCode[];
}

export const tags = {
  Messages: "Push, retract, and see what becomes of it.",
  Devices: "What a device needs: a token and a connection.",
  Users: "Who is online, what is in their inboxes, what they want, and the end of it.",
  Topics: "Who is a member of what.",
  "Dead letters": "What could not be delivered.",
  Deployment: "The hub itself.",
} as const;
export type Tag = keyof typeof tags;

/** The operations of some paths, by path as in the route table and by method. */
export type Operations = Readonly<Record<string, Readonly<Record<string, Operation>>>>;
