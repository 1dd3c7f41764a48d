/**
 * What a proxy listens for: connections that its application makes (outbound) and gets (inbound).
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";
import type { NonEmpty } from "../base/non-empty.ts";
import type { Principals, WeightedCluster } from "./protocol.ts";
import type { GlobalConnectionLimit, GlobalRequestLimit, TokenBucket } from "./rate-limit.ts";

/** IPv4 addresses: `10.1.0.0/16`. */
export interface AddressRange {
  readonly address: string;
  readonly prefixLength: number;
}

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
    | { readonly kind: "tcp"; readonly clusters: readonly WeightedCluster[]; readonly silence?: Silence };
}

/** How long a connection of bytes may be silent before it is closed. 0: for ever. Absent: Envoy's hour. */
export type Silence = Millis;

/** What an application may dial outside the mesh. */
export interface EgressChain {
  /** `egress-<protocol>.<port>`, with more behind it where several chains share a port. */
  readonly name: string;
  readonly port: number;
  /** `any`: whatever address. */
  readonly ranges: "any" | NonEmpty<AddressRange>;
  readonly target: /** Requests in clear text. `decided`: a rule looks at their paths. */
    | { readonly kind: "http"; readonly routeTable: string; readonly paths: "decided" | "open" }
    /** TLS to one of the names, not opened. `any`: also without a name. */
    | {
        readonly kind: "tls";
        readonly serverNames: "any" | NonEmpty<string>;
        readonly cluster: string;
        readonly silence?: Silence;
      }
    /** `of`: where HTTP has a chain beside it, one chain takes what is clear text otherwise, and one what is TLS. */
    | {
        readonly kind: "tcp";
        readonly of: "all" | "clear" | "tls";
        readonly cluster: string;
        readonly silence?: Silence;
      };
}

export interface OutboundListener {
  /** Sorted by name. */
  readonly chains: readonly OutboundChain[];
  /** Sorted by name. */
  readonly egress: readonly EgressChain[];
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

/** A service that is asked about every request before it passes. */
export interface ExternalAuthorization {
  /** An upstream of the proxy that speaks Envoy's `ext_authz` over gRPC. Absent: there is nobody to ask. */
  readonly cluster?: string;
  readonly statPrefix: string;
  readonly timeout: Millis;
  /** What a request gets when the service cannot be asked: passage, or 403. */
  readonly failureModeAllow: boolean;
}

export interface InboundChain {
  /** `inbound_ns/svc_<target port>_<protocol>`. */
  readonly name: string;
  /** The target port. */
  readonly port: number;
  /** The service's full domain name, which callers in the mesh send. */
  readonly sni: string;
  readonly access: NetworkAccess;
  /** How often connections may be made. */
  readonly connections?: { readonly local?: TokenBucket; readonly global?: GlobalConnectionLimit };
  readonly target:
    | {
        readonly kind: "http";
        readonly routeTable: string;
        readonly authorization?: ExternalAuthorization;
        readonly requests?: GlobalRequestLimit;
        /** The proxy itself answers the health checks of other proxies. */
        readonly healthChecks?: boolean;
      }
    | { readonly kind: "tcp"; readonly cluster: string };
}

/** A way in for a gateway outside the mesh (IngressBackend). */
export interface IngressChain {
  /** `ingress_ns/svc_<target port>_<protocol>`. */
  readonly name: string;
  /** The target port. */
  readonly port: number;
  /** Where the gateway's connections come from. `any`: from anywhere. */
  readonly sources: "any" | NonEmpty<AddressRange>;
  /** Absent: clear text. */
  readonly tls?: {
    /** Whether the gateway must show a certificate of the mesh. */
    readonly clients: "verified" | "not asked";
    /** Empty: any, and none. */
    readonly serverNames: readonly string[];
    /** Protocols that are offered in the handshake; empty: none is spoken of. */
    readonly alpn: readonly string[];
  };
  readonly routeTable: string;
  /** `decided`: a rule looks at the paths of requests. */
  readonly paths: "decided" | "open";
  readonly authorization?: ExternalAuthorization;
}

export interface InboundListener {
  /** Sorted by name. */
  readonly chains: readonly InboundChain[];
  /** Sorted by name. */
  readonly ingress: readonly IngressChain[];
}
