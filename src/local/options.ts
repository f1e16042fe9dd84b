/** What the scripts take on their command lines, read strictly: a mistyped option is told and not ignored. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { type ApiKeyRecord, apiKeyRecords, type Scope, scopes } from "../auth/api-key.ts";
import { type DeviceId, deviceId, type UserId, userId } from "../protocol/ids.ts";
import { type TopicPattern, topicPattern } from "../protocol/topic-pattern.ts";
import { Advice } from "./script.ts";

/** Port of the local hub, unless another one is chosen. */
const defaultPort = 8787;

/** `[--port <number>]` */
export function portFrom(args: readonly string[]): number {
  const usage = "npm start -- [--port <1-65535>]";
  const {
    values: { port: chosen },
    positionals,
  } = parse(args, { port: { type: "string" } }, usage);
  const port = Number(chosen ?? defaultPort);
  if (!Number.isInteger(port) || port < 1 || port > 65_535 || positionals.length > 0)
    throw usageAdvice(usage);
  return port;
}

/** `[user]`, by default alice. */
export function userFrom(args: readonly string[]): UserId {
  const usage = "npm run --silent dev:env [-- <user>]";
  const [user = "alice", ...more] = parse(args, {}, usage).positionals;
  const parsed = userId.safeParse(user);
  if (!parsed.success || more.length > 0) throw usageAdvice(usage);
  return parsed.data;
}

/** `<user> [device]` */
export function listenerFrom(args: readonly string[]): {
  readonly user: UserId;
  readonly device: DeviceId | undefined;
} {
  const usage = "npm run listen -- <user> [device]";
  const [user, device, ...more] = parse(args, {}, usage).positionals;
  const parsedUser = userId.safeParse(user);
  const parsedDevice = deviceId.optional().safeParse(device);
  if (!parsedUser.success || !parsedDevice.success || more.length > 0) throw usageAdvice(usage);
  return { user: parsedUser.data, device: parsedDevice.data };
}

/** `<scope>... [--topics <pattern>,...] [--merge <records>]` */
export function keyFrom(args: readonly string[]): {
  readonly granted: readonly Scope[];
  /** The only topics of the key; `undefined` for any. */
  readonly topics: readonly TopicPattern[] | undefined;
  readonly existing: readonly ApiKeyRecord[];
} {
  const usage = `npm run keys -- <scope> … [--topics '<pattern>,…'] [--merge '<current value of API_KEYS>']\nScopes: all, or any of ${scopes.join(", ")}\nPatterns of topics, such as 'team.7.*,news'; without them, any topic`;
  const {
    values: { merge, topics: patterns },
    positionals,
  } = parse(args, { merge: { type: "string" }, topics: { type: "string" } }, usage);
  const unknown = positionals.filter((name) => name !== "all" && !scopes.some((scope) => scope === name));
  if (positionals.length === 0 || unknown.length > 0) throw usageAdvice(usage);
  const granted = scopes.filter((scope) => positionals.includes(scope) || positionals.includes("all"));
  const topics = z.array(topicPattern).optional().safeParse(patterns?.split(","));
  if (!topics.success) throw usageAdvice(usage);
  if (merge === undefined) return { granted, topics: topics.data, existing: [] };
  const existing = apiKeyRecords.safeParse(merge);
  if (existing.success) return { granted, topics: topics.data, existing: existing.data };
  throw new Advice(
    `What --merge was given ${existing.error.issues.map(({ message }) => message).join("; ")}.`,
  );
}

function parse(
  args: readonly string[],
  options: Readonly<Record<string, { readonly type: "string" }>>,
  usage: string,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch {
    throw usageAdvice(usage);
  }
}

function usageAdvice(usage: string): Advice {
  return new Advice(`Usage: ${usage}`);
}
