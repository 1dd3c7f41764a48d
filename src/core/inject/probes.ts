/**
 * Rewrites probes so that the kubelet asks the proxy, which asks the application (dataplane spec 7.3).
 *
 * A probe keeps its meaning: what must fail does fail. One that does not go to the pod, or whose port is not known, is
 * left as it is, and ends as it would without a sidecar. So are `exec` probes, which run inside.
 *
 * @module
 */
import * as v from "valibot";
import {
  GRPC_PROBE_PORTS,
  type GrpcProbe,
  HEALTH_PATH,
  HEALTH_PORT,
  HEALTH_PORT_HEADER,
  type HttpProbe,
  PROBE_KINDS,
  PROBE_PORTS,
  type ProbeKind,
  type ProbePlan,
  probePath,
  type TcpProbe,
} from "../ir/probe.ts";
import { isRecord } from "../model/fields.ts";
import { type Probe, type ProbeAction, ProbeField } from "../model/probe.ts";
import { type PatchOperation, pointer } from "./json-patch.ts";
import { MOST_PROBES } from "./names.ts";
import type { ContainerView } from "./pod-view.ts";

export interface RewrittenProbes {
  readonly patch: readonly PatchOperation[];
  readonly plan: ProbePlan;
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

interface Found {
  readonly container: ContainerView;
  readonly kind: ProbeKind;
  readonly raw: Readonly<Record<string, unknown>>;
  readonly probe: Probe;
  /** Of the application. */
  readonly port: number;
}

/** A longer span says "for ever" as well, and fits any of Envoy's fields. */
const LONGEST_SECONDS = 86_400;

/** @param native - The proxy starts before all other containers. */
export function rewriteProbes(containers: readonly ContainerView[], native: boolean): RewrittenProbes {
  const sought = containers.flatMap((container) => probesOf(container, native));
  const found = sought.flatMap((one) => ("port" in one ? [one] : []));
  const grpc = grpcProbes(found);
  const listenPorts = new Map(grpc.map(({ port, listenPort }) => [port, listenPort]));
  const tooManyPorts = GRPC_PROBE_PORTS.first + grpc.length - 1 > GRPC_PROBE_PORTS.last;
  const problems = [
    ...(tooManyPorts ? [`gRPC probes of ${grpc.length} different ports are more than the sidecar has ports for`] : []),
    ...(found.length > MOST_PROBES ? [`${found.length} probes are more than the ${MOST_PROBES} of the sidecar`] : []),
  ];
  return {
    patch: found.map((one) => ({
      op: "replace",
      path: pointer("spec", one.container.list, one.container.index, `${one.kind}Probe`),
      value: rewritten(one, listenPorts),
    })),
    plan: { http: found.flatMap(httpProbe), tcp: tcpProbes(found), grpc },
    warnings: sought.flatMap((one) => ("warning" in one ? [one.warning] : [])),
    problems,
  };
}

function probesOf(container: ContainerView, native: boolean): readonly (Found | { readonly warning: string })[] {
  // Other init containers have no probes. A user's own native sidecar that starts before a classic proxy is asked
  // "have you started?" while no connection is led through the proxy yet.
  if (container.list === "initContainers" && !container.native) return [];
  const kinds = container.native && !native ? PROBE_KINDS.filter((kind) => kind !== "startup") : PROBE_KINDS;
  return kinds.flatMap((kind): readonly (Found | { readonly warning: string })[] => {
    const raw = container.probes[`${kind}Probe`];
    const read = v.safeParse(ProbeField, raw);
    if (raw === undefined || !read.success || !goesToPod(read.output.action)) return [];
    const { action } = read.output;
    const port = portOf(action, container);
    if (port !== undefined) return [{ container, kind, raw, probe: read.output, port }];
    return [{ warning: `${kind} probe of container ${container.name} names port "${action.port}", which it lacks` }];
  });
}

type Connecting = Exclude<ProbeAction, { kind: "exec" }>;

function goesToPod(action: ProbeAction): action is Connecting {
  return action.kind === "grpc" || (action.kind !== "exec" && action.host === "");
}

function portOf({ port }: Connecting, { ports }: ContainerView): number | undefined {
  return typeof port === "number" ? port : ports.find(({ name }) => name === port)?.port;
}

function rewritten({ container, kind, raw, probe, port }: Found, listenPorts: ReadonlyMap<number, number>): unknown {
  const { tcpSocket: _, ...rest } = raw;
  switch (probe.action.kind) {
    case "http": {
      const httpGet = { ...fieldOf(raw, "httpGet"), path: probePath(kind, container.name), port: PROBE_PORTS[kind] };
      return { ...raw, httpGet: probe.action.scheme === "HTTPS" ? { ...httpGet, scheme: "HTTP" } : httpGet };
    }
    case "tcp": {
      const httpHeaders = [{ name: HEALTH_PORT_HEADER, value: String(port) }];
      return { ...rest, httpGet: { path: HEALTH_PATH, port: HEALTH_PORT, httpHeaders } };
    }
    case "grpc":
      return { ...raw, grpc: { ...fieldOf(raw, "grpc"), port: listenPorts.get(port) } };
    case "exec":
      return raw;
  }
}

function fieldOf(raw: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const value = raw[name];
  return isRecord(value) ? value : {};
}

function httpProbe({ container, kind, probe: { action, timeoutSeconds }, port }: Found): readonly HttpProbe[] {
  if (action.kind !== "http") return [];
  const { scheme } = action;
  return [
    { kind, container: container.name, scheme, path: requestPath(action.path), port, timeout: ms(timeoutSeconds) },
  ];
}

/** As the kubelet puts it on the wire. */
function requestPath(written: string): string {
  const [path = ""] = written.split("#");
  const sendable = path.replace(/[^\x21-\x7e]/gu, encodeURIComponent);
  return sendable.startsWith("/") ? sendable : `/${sendable}`;
}

/** Answers are at most half a period old, and a port is connected to no more than twice as often as without a mesh. */
function tcpProbes(found: readonly Found[]): readonly TcpProbe[] {
  return groupedByPort(found, "tcp").map(([port, probes]) => ({
    port,
    interval: Math.max(1000, Math.min(...probes.map(({ probe }) => ms(probe.periodSeconds) / 2))),
    timeout: longestTimeout(probes),
  }));
}

function grpcProbes(found: readonly Found[]): readonly GrpcProbe[] {
  return groupedByPort(found, "grpc").map(([port, probes], i) => ({
    listenPort: GRPC_PROBE_PORTS.first + i,
    port,
    timeout: longestTimeout(probes),
  }));
}

function groupedByPort(found: readonly Found[], kind: ProbeAction["kind"]): readonly [number, readonly Found[]][] {
  const groups = Map.groupBy(
    found.filter(({ probe }) => probe.action.kind === kind),
    ({ port }) => port,
  );
  return [...groups].sort(([a], [b]) => a - b);
}

function longestTimeout(probes: readonly Found[]): number {
  return Math.max(...probes.map(({ probe }) => ms(probe.timeoutSeconds)));
}

function ms(seconds: number): number {
  return Math.min(seconds, LONGEST_SECONDS) * 1000;
}
