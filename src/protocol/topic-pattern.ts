/**
 * Patterns of topics, as tokens and API keys are given them: which topics their holder may join or publish
 * to. `a.b` is that topic alone, `a.*` any topic one segment below `a`, `a.**` any topic below it, however
 * deep; none of them is `a` itself. Pure, and linear in the length of both: no expression is made of either.
 */
import { z } from "zod";
import type { Topic } from "./ids.ts";

/** Any one segment. */
const one = "*";
/** One segment or more; only at the end of a pattern. */
const rest = "**";

/** As of a topic's name, with stars. */
const characters = /^[A-Za-z0-9_.@~:*-]{1,128}$/;

export const topicPattern = z
  .string()
  .regex(characters, "must be 1 to 128 characters out of A-Z a-z 0-9 _ . @ ~ - : *")
  .refine((pattern) => {
    const segments = pattern.split(".");
    return segments.every((segment, index) => {
      if (segment === rest) return index === segments.length - 1;
      return segment === one || (segment !== "" && !segment.includes("*"));
    });
  }, "must be segments between dots, each a name or *, the last one perhaps **")
  .brand<"TopicPattern">();
export type TopicPattern = z.infer<typeof topicPattern>;

/** Whether one of the patterns covers the topic. */
export function covers(patterns: readonly TopicPattern[], topic: Topic): boolean {
  const segments = topic.split(".");
  return patterns.some((pattern) => matches(pattern.split("."), segments));
}

/** Whether all topics that one pattern covers are covered by the other, segment by segment. */
export function coversPattern(own: TopicPattern, asked: TopicPattern): boolean {
  const [wide, narrow] = [own.split("."), asked.split(".")];
  const deep = wide.at(-1) === rest;
  if (!deep && narrow.at(-1) === rest) return false;
  // A star is a segment like any other here: only a star covers it, and no name covers what is not the same name.
  return matches(wide, narrow);
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  const deep = pattern.at(-1) === rest;
  if (deep ? segments.length < pattern.length : segments.length !== pattern.length) return false;
  return pattern.every((wanted, index) => wanted === one || wanted === rest || wanted === segments[index]);
}
