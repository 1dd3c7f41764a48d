/**
 * What a proxy does so that a kubelet, which speaks no mutual TLS, can still probe the applications behind it.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";

export type ProbeKind = "liveness" | "readiness" | "startup";

/** In the order of their ports. */
export const PROBE_KINDS: readonly ProbeKind[] = ["liveness", "readiness", "startup"];

/** Where the proxy listens for probes of each kind, in clear text. */
export const PROBE_PORTS: Readonly<Record<ProbeKind, number>> = { liveness: 15901, readiness: 15902, startup: 15903 };
/** Where the proxy says whether TCP ports answer, and whether it is ready itself. */
export const HEALTH_PORT = 15904;
export const HEALTH_PATH = "/osm-healthcheck";
/** Names the port that is asked about. */
export const HEALTH_PORT_HEADER = "Original-Tcp-Port";
export const PROXY_READY_PATH = "/osm-proxy-ready";
/** Ports for gRPC probes: their requests do not say whom they are for, so each application port has one of its own. */
export const GRPC_PROBE_PORTS = { first: 15905, last: 15999 } as const;

/** One GET is passed on, and nothing else of what the application serves. */
export interface HttpProbe {
  readonly kind: ProbeKind;
  readonly container: string;
  readonly scheme: "HTTP" | "HTTPS";
  /** As the application expects it, with its query; begins with "/". */
  readonly path: string;
  /** On the pod's loopback; so for the others. */
  readonly port: number;
  readonly timeout: Millis;
}

/** The proxy connects to the port again and again, and answers from what it last saw. */
export interface TcpProbe {
  readonly port: number;
  /** How old an answer may be. */
  readonly interval: Millis;
  readonly timeout: Millis;
}

/** `grpc.health.v1.Health/Check` is passed on, and no other method. */
export interface GrpcProbe {
  readonly listenPort: number;
  readonly port: number;
  readonly timeout: Millis;
}

export interface ProbePlan {
  /** At most one of a kind and container. */
  readonly http: readonly HttpProbe[];
  /** Each port once. */
  readonly tcp: readonly TcpProbe[];
  /** Each port once. */
  readonly grpc: readonly GrpcProbe[];
}

export const NO_PROBES: ProbePlan = { http: [], tcp: [], grpc: [] };

/** The path of a container's probe at the proxy, `/osm-liveness-probe/<container>`. */
export function probePath(kind: ProbeKind, container: string): string {
  return `/osm-${kind}-probe/${container}`;
}
