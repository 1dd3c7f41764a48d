/**
 * How a Service port's traffic is carried: `appProtocol`, then the port's name, then HTTP (dataplane spec 2.3).
 *
 * @module
 */
import type { Carriage } from "../ir/protocol.ts";
import type { ServicePort } from "../model/service.ts";

export interface PortProtocol {
  /** As written by the user: it is part of the filter chains' names. */
  readonly text: string;
  readonly carriage: Carriage;
  /** The server speaks first, so nobody waits for the client's first bytes. */
  readonly serverFirst: boolean;
  /** Nothing was written, so HTTP was taken. */
  readonly assumed: boolean;
}

/** In the order in which port names are tested; a name counts only with its dash. */
const NAME_PREFIXES = ["tcp-server-first", "http", "tcp", "grpc"];

/** A map and no record: `appProtocol: constructor` must find nothing. */
const CARRIAGES: ReadonlyMap<string, Carriage> = new Map([
  ["http", "http"],
  ["grpc", "http"],
  ["http2", "http"],
  ["h2c", "http"],
  ["kubernetes.io/h2c", "http"],
  ["kubernetes.io/ws", "http"],
  ["tcp", "tcp"],
  ["tcp-server-first", "tcp"],
  // The application does TLS itself: the mesh carries its bytes.
  ["https", "tcp"],
  ["tls", "tcp"],
  ["kubernetes.io/wss", "tcp"],
]);

/** @returns undefined for an `appProtocol` that the mesh cannot carry. */
export function protocolOf(port: ServicePort): PortProtocol | undefined {
  if (port.appProtocol !== undefined && port.appProtocol !== "") return known(port.appProtocol, false);
  const prefix = NAME_PREFIXES.find((name) => port.name.startsWith(`${name}-`));
  return known(prefix ?? "http", prefix === undefined);
}

function known(text: string, assumed: boolean): PortProtocol | undefined {
  const name = text.toLowerCase();
  const carriage = CARRIAGES.get(name);
  return carriage === undefined ? undefined : { text, carriage, serverFirst: name === "tcp-server-first", assumed };
}

/** Ports that databases and queues listen on: HTTP is a wrong guess there, and the client would hang. */
const USUALLY_NOT_HTTP: ReadonlyMap<number, string> = new Map([
  [3306, "tcp-server-first"],
  [5432, "tcp"],
  [6379, "tcp"],
  [9042, "tcp"],
  [9092, "tcp"],
  [5672, "tcp"],
  [11211, "tcp"],
  [27017, "tcp"],
  [2181, "tcp"],
]);

/** What to write in `appProtocol`, where the guess of HTTP looks wrong. */
export function suggestedProtocol({ name, port }: ServicePort): string | undefined {
  if (name === "tcp" || name === "grpc" || name === "tcp-server-first") return name;
  return USUALLY_NOT_HTTP.get(port);
}
