/** Connect tokens of the simulation: their times in the clear, for nobody here forges them. */
import { z } from "zod";
import { userId } from "../../../src/protocol/ids.ts";

const token = z.object({ user: userId, issued: z.number(), expires: z.number() });
export type Token = z.infer<typeof token>;

export function writeToken(times: Token): string {
  return JSON.stringify(times);
}

export function readToken(text: string): Token {
  return token.parse(JSON.parse(text));
}
