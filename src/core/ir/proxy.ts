/**
 * Everything that one proxy's configuration is a function of. JSON-serialisable, frozen, and made of parts that proxies
 * which see the same thing hold in common: rendering is memoised by those parts.
 *
 * @module
 */
import type { ServiceAccountName } from "../base/identity.ts";
import type { InboundListener, OutboundListener } from "./listener.ts";
import type { Observation } from "./observation.ts";
import type { TlsSettings } from "./protocol.ts";
import type { RouteTable } from "./route.ts";
import type { EndpointSet, TrustedPeers, Upstream } from "./upstream.ts";

export interface ProxyIr {
  readonly serviceAccount: ServiceAccountName;
  readonly tls: TlsSettings;
  readonly observation: Observation;
  /** Absent: the application can dial nothing in the mesh, and nothing outside it. */
  readonly outbound?: OutboundListener;
  /** Absent: nobody calls this pod through a service. */
  readonly inbound?: InboundListener;
  /** Each name once. What all callers of the same reach have comes first, then the pod's own, both sorted; so below. */
  readonly routeTables: readonly RouteTable[];
  readonly upstreams: readonly Upstream[];
  readonly endpointSets: readonly EndpointSet[];
  readonly trustedPeers: readonly TrustedPeers[];
  /** Envoy's statistics are served on port 15010. */
  readonly metrics: boolean;
}
