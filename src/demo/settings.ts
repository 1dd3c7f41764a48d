/**
 * Reads the environment of the demo's applications. Names are those of OSM's demo, so that its manifests work.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** The port of every bookstore application. */
export const BOOK_PORT = 14001;
/** The port of the database: MySQL's, in whose place it stands. */
export const DATABASE_PORT = 3306;

/** @throws Error naming the variable and its value, if it is set and not a number of at least 0. */
export function readNumber(env: Env, name: string, fallback: number): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is "${text}": set it to a number of at least 0`);
  return value;
}

/** The pause between two rounds of a client: seconds in the environment, fractions allowed, 1 by default. */
export function readPause(env: Env): Millis {
  return readNumber(env, "CI_SLEEP_BETWEEN_REQUESTS_SECONDS", 1) * 1000;
}

/**
 * `host:port` of another application: `<NAME>_ADDRESS`, or the Service's name in `<NAME>_NAMESPACE`.
 *
 * `name` is the Service's name, also the default namespace.
 */
export function readAddress(env: Env, name: string, { namespace = name, port = BOOK_PORT } = {}): string {
  const key = name.toUpperCase().replaceAll("-", "_");
  const where = env[`${key}_NAMESPACE`] || namespace;
  return env[`${key}_ADDRESS`] || `${name}.${where}:${port}`;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port`. @throws Error naming `text`. */
export function splitAddress(text: string): Address {
  const at = text.lastIndexOf(":");
  const port = Number(text.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new Error(`the address "${text}" is not HOST:PORT`);
  return { host: text.slice(0, at), port };
}
