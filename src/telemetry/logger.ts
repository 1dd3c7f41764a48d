/**
 * One JSON object a line on standard error: when, how bad, what, and the fields that name it.
 *
 * @module
 */
import { Redacted } from "../core/base/redacted.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface Logger {
  info(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

export function createLogger(write: (line: string) => void = (line) => process.stderr.write(line)): Logger {
  const log =
    (level: string) =>
    (message: string, fields: Fields = {}): void =>
      write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }, readable)}\n`);
  return { info: log("info"), error: log("error") };
}

/** Errors have no enumerable fields, so JSON would lose them; what is redacted hides itself. */
function readable(_: string, value: unknown): unknown {
  if (value instanceof Redacted) return value.toJSON();
  return value instanceof Error ? { error: value.name, detail: value.message, cause: value.cause } : value;
}
