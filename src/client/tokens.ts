/**
 * The connect tokens of this client: asked of the app, and never shown to the hub again when it has
 * refused them. A fleet that holds a rotated key would otherwise knock until somebody turns it off.
 */
import * as closeCodes from "../protocol/close-code-table.ts";
import { abnormal } from "./connector.ts";
import * as clientLimits from "./limits.ts";

/** Instead of a token: the app has none but one that the hub has refused. */
export interface NoToken {
  /** As a close code. */
  readonly code: number;
  readonly reason: string;
}

/** The alphabet of a JWT (RFC 7515 section 7.1). Nothing else could be offered as a subprotocol. */
const tokenPattern = /^[\w.-]+$/;

export class Tokens {
  readonly #ask: () => Promise<string>;
  #last = "";
  /** When the last one was asked for, as long as the hub has not seen it. */
  #unseenSince = Number.NEGATIVE_INFINITY;
  #refused: { readonly token: string; readonly code: number; readonly at: number } | undefined;

  /** @param ask the app's own function, which gives a token that is good now */
  constructor(ask: () => Promise<string>) {
    this.#ask = ask;
  }

  /**
   * Asks the app, unless there is one that came too late for its connection a moment ago. A token that was
   * refused within {@link clientLimits.refusedTokenMs} is none; one that was over before may become another
   * any moment, and so counts as a network that fails.
   * @throws whatever the app throws
   */
  async fresh(now: number): Promise<string | NoToken> {
    if (now - this.#unseenSince < clientLimits.tokenSpareMs) return this.#last;
    const token = await this.#ask();
    // What it is instead may be a secret all the same, and is not repeated.
    if (typeof token !== "string" || !tokenPattern.test(token))
      throw new Error("token() gave no connect token");
    const refused = this.#refused;
    if (refused?.token === token && now - refused.at < clientLimits.refusedTokenMs) {
      const code = refused.code === closeCodes.token_expired ? abnormal : refused.code;
      return { code, reason: "this token was refused before" };
    }
    this.#last = token;
    this.#unseenSince = now;
    return token;
  }

  /** The one that was given last, as far as the hub has not refused it; empty where there is none. */
  get last(): string {
    return this.#refused?.token === this.#last ? "" : this.#last;
  }

  /** The hub sees a token now, on a connection. */
  shown(token: string): void {
    if (token === this.#last) this.#unseenSince = Number.NEGATIVE_INFINITY;
  }

  /** After the hub closed a connection for its token, which need not be the last one: a request may have asked since. */
  refused(token: string, code: number, now: number): void {
    this.#refused = { token, code, at: now };
    this.shown(token);
  }
}

/** Whether a connection ended because of its token. */
export function isAboutToken(code: number): boolean {
  return code === closeCodes.token_invalid || code === closeCodes.token_expired;
}
