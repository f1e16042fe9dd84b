/**
 * The structured log: one JSON object a line, with fields from this list and no others, so that a
 * token, a key or a body can't slip in.
 */
export interface LogFields {
  readonly lane?: string;
  readonly request?: string;
  readonly method?: string;
  readonly route?: string;
  readonly status?: number;
  readonly code?: string | number;
  readonly count?: number;
  readonly accepted?: number;
  readonly committed?: number;
  readonly duplicate?: number;
  readonly live?: number;
  readonly scheduled?: number;
  readonly withdrawn?: number;
  readonly offline?: number;
  readonly left?: number;
  readonly expired?: number;
  readonly evicted?: number;
  readonly collapsed?: number;
  readonly retracted?: number;
  readonly replaced?: number;
  readonly gone?: number;
  readonly dead?: number;
  readonly retried?: number;
  /** The key of a dead letter. */
  readonly letter?: string;
  /** The id of the API key that asked for it. */
  readonly by?: string;
  readonly error?: string;
}

type Level = "info" | "warn" | "error";

/** Writes one line. `event` says what happened in the words of the code. */
export function log(level: Level, event: string, fields: LogFields = {}): void {
  console[level](JSON.stringify({ level, event, ...fields }));
}

/** What an exception of code that we did not write may say in a log line: its name, since its text may quote what it was given. */
export function thrownName(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** What an exception may say in a log line: its name and text, on one line, cut to a readable length. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replace(/[\r\n\t]+/g, " ").slice(0, 300);
}
