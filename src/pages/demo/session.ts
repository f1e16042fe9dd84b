/** Who looks at the inbox. What a token says of itself is only shown; whether it is good the hub decides. */
import { claimsOf } from "../../client/claims.ts";

export interface Session {
  readonly user: string;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** As `namePattern` of the protocol. A user goes into the command line that the page shows, and so holds no quote. */
export const userPattern = /^(?!\.{1,2}$)[A-Za-z0-9_.@~:-]{1,128}$/;

/** The token in a fragment such as `#user=alice&token=eyJ…`. */
export function tokenIn(fragment: string): string | undefined {
  return new URLSearchParams(fragment.replace(/^#/, "")).get("token") ?? undefined;
}

/** Whose a token is and how long; `undefined` when the text is no connect token. */
export function sessionOf(token: string): Session | undefined {
  const claims = claimsOf(token);
  if (claims === undefined || !userPattern.test(claims.sub)) return undefined;
  return { user: claims.sub, token, expires: claims.exp * 1_000 };
}

/** A link to the demo that carries the session. */
export function linkTo({ user, token }: Session): string {
  return `/demo#user=${encodeURIComponent(user)}&token=${token}`;
}
