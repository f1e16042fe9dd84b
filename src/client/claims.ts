/** What a connect token says of itself. It is not verified here: the hub does that. */
import { isLike } from "./shape.ts";

export interface Claims {
  /** The user. */
  readonly sub: string;
  /** Seconds since 1970. */
  readonly exp: number;
}

/** `undefined` where the text is no token. */
export function claimsOf(token: string): Claims | undefined {
  try {
    const payload = token.split(".")[1] ?? "";
    // URL-safe base64 (RFC 7515 section 2). What is said in other than ASCII is nothing that is read here.
    const value: unknown = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
    return isClaims(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isClaims(value: unknown): value is Claims {
  return isLike(value, { sub: "", exp: 0 });
}
