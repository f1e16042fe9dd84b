/** The types of messages that every hub knows, unless its owner takes them off the list in `src/messages.ts`. */
import { z } from "zod";
import { category } from "../protocol/ids.ts";
import { defineMessage } from "./define-message.ts";
import { nameOf } from "./name-of.ts";

/**
 * An app follows it when the user taps: a page, or a path of the app's own. Nothing that would run as a script, and
 * no path that browsers take for another host: they read a backslash as a slash, and skip tabs and line ends.
 */
const link = z
  .string()
  .max(2_048)
  .regex(
    /^(https:\/\/[\x21-\x7e]+|\/(?![/\\])[\x21-\x7e]*)$/i,
    "must be a URL of https, or a path that begins with one /",
  );

/** Something for a person to read. Its data may name the category by which the user can mute it. */
export const notification = defineMessage("notification", {
  data: z.object({
    title: z.string().min(1),
    body: z.string().optional(),
    category: category.optional(),
    /** What the user can do about it. */
    action: z.object({ label: z.string().min(1).optional(), url: link }).optional(),
    /** A URL, or a name that the app knows. */
    icon: z.string().min(1).optional(),
  }),
  category: (data) => data.category,
});

/** How far a long-running work is. Of one work only the latest is kept, so that who comes back sees where it is now. */
export const workflowProgress = defineMessage("workflow.progress", {
  data: z.object({
    /** Which work: its id, or a name of its own. */
    workflow: z.string().min(1).max(100),
    /** Where in it. */
    stage: z.string().min(1),
    status: z.enum(["starting", "running", "completed", "failed", "review_required"]),
    /** 0 to 1. */
    progress: z.number().min(0).max(1),
    message: z.string().optional(),
  }),
  collapseKey: ({ workflow }) => `workflow:${nameOf(workflow)}`,
});
