/**
 * Running the deployment's handlers for what the devices of one user send. A handler is code of others: it
 * may be slow, throw or answer anything, and all that comes of it is an answer to the device.
 */
import { boundFaults } from "../define/check.ts";
import type { HandlerContext } from "../define/define-handler.ts";
import { handlerLimits } from "../limits.ts";
import { handlers } from "../messages.ts";
import { log, thrownName } from "../observe/log.ts";
import { type Fault, told } from "../protocol/faults.ts";
import type { ErrorFrame, FrameError, OkFrame } from "../protocol/frames.ts";
import { utf8Length } from "../protocol/json.ts";
import { publishFromHub } from "./publishing.ts";

/** What a device sends, and what its token lets it do. */
export interface Sent {
  readonly name: string;
  readonly data: unknown;
  readonly device: string | undefined;
  readonly scopes: readonly string[];
}

/** The same as it reaches the object over HTTP, the data as JSON text. */
export interface HandlerCall extends Omit<Sent, "data"> {
  readonly data: string;
}

export type HandlingError = Extract<
  FrameError,
  "unknown_name" | "forbidden" | "bad_data" | "limit" | "timeout" | "failed"
>;

/** What the device is answered: the handler's answer as JSON text, if it gave one, or why there is none. */
export type Handled =
  | { readonly answer: string | undefined }
  | { readonly error: HandlingError; readonly message: string; readonly faults?: readonly Fault[] };

export class Handling {
  readonly #user: string;
  readonly #env: Env;
  readonly #loads = new WeakMap<object, { running: number }>();

  constructor(user: string, env: Env) {
    this.#user = user;
    this.#env = env;
  }

  /**
   * Runs the handler of this name, if it may be run. It never rejects.
   * @param caller the connection, or whatever else stands for it: how much runs at once is counted for each
   */
  async handle({ name, data, device, scopes }: Sent, caller: object): Promise<Handled> {
    const handler = handlers.find(name);
    if (handler === undefined) return { error: "unknown_name", message: "no handler has this name" };
    if (!scopes.includes(handler.scope)) {
      return { error: "forbidden", message: `the token lacks the scope ${handler.scope}` };
    }
    const load = this.#loads.get(caller) ?? { running: 0 };
    this.#loads.set(caller, load);
    if (load.running >= handlerLimits.maxRunning) {
      return { error: "limit", message: `at most ${load.running} handlers run at once; wait for an answer` };
    }
    const bounds = boundFaults(data);
    const taken = bounds.length > 0 ? { faults: bounds } : handler.take(data);
    if ("faults" in taken) {
      if ("thrown" in taken) failed(name, taken.thrown);
      const { detail, faults } = told(taken.faults);
      return { error: "bad_data", message: detail, faults };
    }
    load.running += 1;
    try {
      return await this.#run(name, device, taken.ok);
    } finally {
      load.running -= 1;
    }
  }

  async #run(
    name: string,
    device: string | undefined,
    work: (context: HandlerContext) => Promise<unknown>,
  ): Promise<Handled> {
    const ending = new AbortController();
    const { signal } = ending;
    const late = Promise.withResolvers<typeof tooLate>();
    const timer = setTimeout(() => {
      ending.abort(new DOMException("the handler took too long", "TimeoutError"));
      late.resolve(tooLate);
    }, handlerLimits.timeoutMs);
    try {
      const result = await Promise.race([
        late.promise,
        work({
          user: this.#user,
          ...(device === undefined ? {} : { device }),
          env: this.#env,
          signal,
          publish: async (message) => {
            signal.throwIfAborted();
            return publishFromHub(this.#env, message, Date.now());
          },
        }),
      ]);
      return result === tooLate ? tooLate : { answer: answerText(result) };
    } catch (thrown) {
      failed(name, thrown);
      return { error: "failed", message: "the handler failed; the hub's log has the name of the error" };
    } finally {
      clearTimeout(timer);
    }
  }
}

const tooLate: Handled = {
  error: "timeout",
  message: `the handler took longer than ${handlerLimits.timeoutMs / 1_000} s`,
};

/** The frame that answers a `send`. */
export function answerFrame(handled: Handled, ref: string): OkFrame | ErrorFrame {
  if ("error" in handled) return { type: "error", code: handled.error, message: handled.message, ref };
  return { type: "ok", ref, ...(handled.answer === undefined ? {} : { data: JSON.parse(handled.answer) }) };
}

/** @throws when the result is no JSON, or too much of it */
function answerText(result: unknown): string | undefined {
  const text = JSON.stringify(result);
  if (text !== undefined && utf8Length(text) > handlerLimits.maxResultBytes) {
    throw new RangeError(`an answer has at most ${handlerLimits.maxResultBytes} bytes`);
  }
  return text;
}

function failed(name: string, thrown: unknown): void {
  log("error", "handler_failed", { code: name, error: thrownName(thrown) });
}
