/**
 * What a proxy listens for: connections that its application makes (outbound) and gets (inbound).
 *
 * @module
 */
import type { NonEmpty, Principals, WeightedCluster } from "./protocol.ts";

export interface OutboundChain {
  /** `outbound_ns/svc_<port>_<protocol>`. */
  readonly name: string;
  /** The port that the application dials. */
  readonly port: number;
  /** IPv4 addresses that it dials; each (address, port) is in one chain only. */
  readonly addresses: NonEmpty<string>;
  readonly target:
    | { readonly kind: "http"; readonly routeTable: string }
    /** Clusters with no weight between them: the connection is closed. */
    | { readonly kind: "tcp"; readonly clusters: readonly WeightedCluster[] };
}

export interface OutboundListener {
  /** Sorted by name. */
  readonly chains: readonly OutboundChain[];
  /** What no chain matches goes to the address that was dialled, in clear text; otherwise it is closed. */
  readonly passthrough: boolean;
  /** Ports on which nobody waits for the client's first bytes. Sorted. */
  readonly serverFirstPorts: readonly number[];
}

/** One TrafficTarget as seen at layer 4. */
export interface NetworkPolicy {
  /** `<namespace>/<TrafficTarget>`. */
  readonly name: string;
  readonly principals: Principals;
  /** Target ports of its TCPRoutes; `any` if it has none. */
  readonly ports: "any" | NonEmpty<number>;
}

/** `open` in permissive mode. No policies at all: everybody is denied. */
export type NetworkAccess =
  | { readonly kind: "open" }
  | { readonly kind: "policies"; readonly policies: readonly NetworkPolicy[] };

export interface InboundChain {
  /** `inbound_ns/svc_<target port>_<protocol>`. */
  readonly name: string;
  /** The target port. */
  readonly port: number;
  /** The service's full domain name, which callers in the mesh send. */
  readonly sni: string;
  readonly access: NetworkAccess;
  readonly target:
    | { readonly kind: "http"; readonly routeTable: string }
    | { readonly kind: "tcp"; readonly cluster: string };
}

export interface InboundListener {
  /** Sorted by name. */
  readonly chains: readonly InboundChain[];
}
