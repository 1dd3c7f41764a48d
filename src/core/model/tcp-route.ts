/**
 * TCPRoute: the ports that a TrafficTarget opens at layer 4.
 *
 * @module
 */
import type { Meta } from "./meta.ts";

export interface TCPRoute {
  readonly kind: "TCPRoute";
  readonly meta: Meta;
  /** Target ports, sorted, each once. */
  readonly ports: readonly number[];
}
