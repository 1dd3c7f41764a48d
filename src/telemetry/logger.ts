/**
 * One JSON object a line on standard error: when, how bad, what, and the fields that name it.
 *
 * @module
 */
import { Redacted } from "../core/base/redacted.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** As the MeshConfig's `observability.osmLogLevel` has them: each shows itself and what is worse. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Logger {
  info(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** From now on. `info` at the start. */
  setLevel(level: LogLevel): void;
}

export function createLogger(write: (line: string) => void = (line) => process.stderr.write(line)): Logger {
  let least = LOG_LEVELS.indexOf("info");
  const log =
    (level: LogLevel) =>
    (message: string, fields: Fields = {}): void => {
      if (LOG_LEVELS.indexOf(level) < least) return;
      write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields }, readable)}\n`);
    };
  return {
    info: log("info"),
    error: log("error"),
    setLevel(level) {
      least = LOG_LEVELS.indexOf(level);
    },
  };
}

/** Errors have no enumerable fields, so JSON would lose them; what is redacted hides itself. */
function readable(_: string, value: unknown): unknown {
  if (value instanceof Redacted) return value.toJSON();
  return value instanceof Error ? { error: value.name, detail: value.message, cause: value.cause } : value;
}
