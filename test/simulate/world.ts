/**
 * A mesh on paper: compiles objects and answers what would happen to a call, from the Envoy configuration alone.
 *
 * It looks at what the proxies are told and knows nothing of the IR, so it judges the whole compiler.
 *
 * @module
 */
import type { Finding } from "../../src/core/base/finding.ts";
import { keyOf } from "../../src/core/base/ref.ts";
import type { EnvoyConfig } from "../../src/core/envoy/config.ts";
import { INBOUND_LISTENER, MESH_ALPN, OUTBOUND_LISTENER } from "../../src/core/envoy/names.ts";
import type { Pod } from "../../src/core/model/pod.ts";
import { allows } from "./access.ts";
import { compileObjects } from "./compiled.ts";
import { type Connection, chainFor } from "./filter-chain.ts";
import type { HttpRequest } from "./http-request.ts";
import { createNetwork, type Network } from "./network.ts";
import type { RawObject } from "./objects.ts";
import { type Address, contentOf, handshakeOf, listenerNamed, type UpstreamTls, upstreamNamed } from "./proxy.ts";
import { routeRequest } from "./routing.ts";

/** One way that a call can end. */
export interface Ending {
  /** `200 ns/pod`, `open ns/pod`, `404 by server`, `503 by client`, `closed`, `refused`. */
  readonly text: string;
  /** How often, of one. */
  readonly share: number;
  /** What was in the way. */
  readonly why: string;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** The Host header or the server name, where it is not what was dialled. */
  readonly host?: string;
}

export interface World {
  readonly findings: readonly Finding[];
  /** By `namespace/pod`. */
  readonly configs: ReadonlyMap<string, EnvoyConfig>;
  /**
   * What `from` (`namespace/pod`) sees: one ending's text, or several with their shares in percent, sorted.
   *
   * @param request - `GET http://host:port/path`, `tcp://host:port`, or `tls://host:port`, which asks for `options.host`.
   */
  call(from: string, request: string, options?: CallOptions): string;
  endings(from: string, request: string, options?: CallOptions): readonly Ending[];
  /** Whether a host name means anything in the pod `from`. */
  resolves(from: string, host: string): boolean;
  /**
   * A hand-made client with the certificate of `from`'s account and no proxy: mutual TLS straight to the pod `to`, with
   * any server name it likes, on the port of `request`.
   */
  intrude(from: string, to: string, sni: string, request: string): string;
  /** A gateway outside the mesh that connects to the pod `to` itself. */
  enter(to: string, request: string, gateway: Gateway): string;
}

export interface Gateway {
  /** The address that it connects from. */
  readonly source: string;
  /** Absent: it speaks clear text. */
  readonly tls?: {
    readonly sni: string;
    readonly alpn?: string;
    /** The name in its certificate of the mesh; absent: it has none. */
    readonly name?: string;
  };
}

export function world(...objects: readonly RawObject[]): World {
  const { mesh, configs, findings } = compileObjects(objects);
  const network = createNetwork(mesh.snapshot);
  const endings: World["endings"] = (from, request, options = {}) => {
    const caller = network.podNamed(from);
    const { host, port, http, server } = parseRequest(request, options);
    const addresses = network.resolve(host, caller.meta.namespace);
    const journey = { network, configs, caller, http, server };
    return addresses.flatMap((address) => scaled(leave(journey, { address, port }), 1 / addresses.length));
  };
  return {
    findings,
    configs,
    endings,
    call: (...of) => summaryOf(endings(...of)),
    resolves: (from, host) => network.tryResolve(host, network.podNamed(from).meta.namespace).length > 0,
    intrude(from, to, sni, request) {
      const { port, http } = parseRequest(request, {});
      const [address = ""] = network.podNamed(to).ips;
      const journey = { network, configs, caller: network.podNamed(from), http };
      return summaryOf(arrive(journey, { address, port }, { sni, alpn: MESH_ALPN, trusts: () => true }));
    },
    enter(to, request, { source, tls }) {
      const { port, http } = parseRequest(request, {});
      const pod = network.podNamed(to);
      const config = configs.get(to);
      if (config === undefined) throw new Error(`${to} has no proxy`);
      const [address = ""] = pod.ips;
      const sent = tls && { sni: tls.sni, alpn: tls.alpn ?? "" };
      const inspected = http === undefined ? undefined : "http/1.1";
      const connection = { address, port, source, ...(sent && { tls: sent }), ...(inspected && { inspected }) };
      const journey = { network, configs, caller: pod, http, principal: tls?.name ?? "" };
      const shown = sent && { ...sent, trusts: () => true };
      return summaryOf(enter(journey, { pod, config, port }, connection, shown));
    },
  };
}

interface Journey {
  readonly network: Network;
  readonly configs: ReadonlyMap<string, EnvoyConfig>;
  readonly caller: Pod;
  /** undefined: bytes that are no HTTP. */
  readonly http: HttpRequest | undefined;
  /** The server name that the application's own TLS asks for; undefined: it speaks clear text. */
  readonly server?: string | undefined;
  /** The name in the caller's certificate, where it is not its service account's; "": it has none. */
  readonly principal?: string;
}

interface ParsedRequest extends Pick<Journey, "http" | "server"> {
  readonly host: string;
  readonly port: number;
}

function parseRequest(request: string, { headers = {}, host }: CallOptions): ParsedRequest {
  const [, method = "", url = ""] = /^(?:([A-Z]+) )?(\S+)$/.exec(request) ?? [];
  const { protocol, hostname, port, pathname, search } = new URL(url);
  const dialled = { host: hostname, port: port === "" ? 80 : Number(port) };
  if (protocol === "tcp:") return { ...dialled, http: undefined };
  if (protocol === "tls:") return { ...dialled, http: undefined, server: host ?? hostname };
  const authority = host ?? `${hostname}${port === "" ? "" : `:${port}`}`;
  return { ...dialled, http: { method, path: pathname + search, authority, headers } };
}

/** The application's connection, up to its own sidecar and through it. */
function leave(journey: Journey, to: Address): readonly Ending[] {
  const config = journey.configs.get(keyOf(journey.caller.meta));
  if (config === undefined) return bySelf(journey, to);
  const listener = listenerNamed(config, OUTBOUND_LISTENER);
  if (listener === undefined) return [broken("refused", "the caller's proxy has no outbound listener")];
  const chain = chainFor(listener, { ...to, ...contentSeen(journey) });
  if (chain === undefined) return [broken("closed", `no outbound chain for ${to.address}:${to.port}`)];
  const { carriage } = contentOf(chain, config);
  if (carriage.kind === "tcp") return throughClusters(journey, config, carriage.shares, to);
  if (journey.http === undefined) return [ending("400 by client", `chain ${chain.name} takes HTTP only`)];
  const routed = routeRequest(carriage.table, journey.http, { principal: "", port: to.port });
  switch (routed.kind) {
    case "clusters":
      // A connection that breaks behind an HTTP proxy is an answer of that proxy.
      return throughClusters(journey, config, routed.shares, to).map((one) =>
        isBroken(one) ? { ...one, text: "503 by client" } : one,
      );
    case "answered":
      return [ending(`${routed.status} by client`, "the route answers itself")];
    case "denied":
      return [ending("403 by client", "the caller's own RBAC")];
    default:
      return [ending("404 by client", `${routed.kind} in ${carriage.table.name}`)];
  }
}

/** Without a sidecar: straight to the address, or to a pod behind it. */
function bySelf(journey: Journey, to: Address): readonly Ending[] {
  const behind = journey.network.behind(to);
  return behind.flatMap((one) => scaled(arrive(journey, one, undefined), 1 / behind.length));
}

function throughClusters(
  journey: Journey,
  config: EnvoyConfig,
  shares: ReadonlyMap<string, number>,
  to: Address,
): readonly Ending[] {
  return [...shares].flatMap(([name, share]) => {
    const upstream = upstreamNamed(config, name);
    if (upstream.kind === "original") return scaled(bySelf(journey, to), share);
    const { tls } = upstream;
    const addresses = upstream.addresses.flatMap((one) => resolved(journey, one));
    if (addresses.length === 0) return [{ ...broken("closed", `cluster ${name} has no endpoint`), share }];
    return addresses.flatMap((address) => scaled(arrive(journey, address, tls), share / addresses.length));
  });
}

/** What the listener's inspectors find in the application's first bytes. */
function contentSeen({ http, server }: Journey): Pick<Connection, "tls" | "inspected"> {
  if (server !== undefined) return { tls: { sni: server, alpn: "" } };
  return http === undefined ? {} : { inspected: "http/1.1" };
}

/** A cluster may name its hosts; addresses stand for themselves, and for the pods behind a cluster address. */
function resolved({ network, caller }: Journey, { address, port }: Address): readonly Address[] {
  const found = network.tryResolve(address, caller.meta.namespace);
  return found.flatMap((one) => network.behind({ address: one, port }));
}

/** A connection at a pod's address. */
function arrive(journey: Journey, to: Address, tls: UpstreamTls | undefined): readonly Ending[] {
  const pod = journey.network.podAt(to.address);
  const config = pod && journey.configs.get(keyOf(pod.meta));
  if (pod === undefined || config === undefined) {
    if (tls !== undefined) return [broken("closed", `${to.address} speaks no mutual TLS`)];
    return [served(journey, pod === undefined ? "outside" : keyOf(pod.meta))];
  }
  return enter(journey, { pod, config, port: to.port }, { ...to, ...(tls && { tls }) }, tls);
}

interface Server {
  readonly pod: Pod;
  readonly config: EnvoyConfig;
  readonly port: number;
}

/** Through the server's sidecar, up to its routes. */
function enter(
  journey: Journey,
  server: Server,
  connection: Connection,
  tls: UpstreamTls | undefined,
): readonly Ending[] {
  const listener = listenerNamed(server.config, INBOUND_LISTENER);
  if (listener === undefined) return [broken("refused", `${keyOf(server.pod.meta)} has no inbound listener`)];
  const chain = chainFor(listener, connection);
  if (chain === undefined) return [broken("closed", `no inbound chain for port ${server.port}, ${tls?.sni}`)];
  const principal = journey.principal ?? principalOf(journey.caller);
  const refusal = handshakeRefusal(handshakeOf(chain), principal, tls, principalOf(server.pod));
  if (refusal !== undefined) return [broken("closed", refusal)];
  const { rules, carriage } = contentOf(chain, server.config);
  if (!allows(rules, { principal, port: server.port })) return [broken("closed", "the server's network RBAC")];
  if (carriage.kind === "tcp") return throughLocal(journey, server, carriage.shares);
  if (journey.http === undefined) return [ending("400 by server", `chain ${chain.name} takes HTTP only`)];
  const routed = routeRequest(carriage.table, journey.http, { principal, port: server.port });
  if (routed.kind === "clusters") return throughLocal(journey, server, routed.shares);
  if (routed.kind === "denied") return [ending("403 by server", "the route's RBAC")];
  return [ending("404 by server", `${routed.kind} in ${carriage.table.name}`)];
}

function handshakeRefusal(
  server: ReturnType<typeof handshakeOf>,
  callerName: string,
  caller: UpstreamTls | undefined,
  serverName: string,
): string | undefined {
  if (caller === undefined && server === undefined) return undefined;
  if (caller === undefined || server === undefined) return "one side speaks TLS and the other does not";
  if (!caller.trusts(serverName)) return `the caller does not expect ${serverName}`;
  return server.admits(callerName) ? undefined : `the server does not expect ${callerName}`;
}

function throughLocal(
  journey: Journey,
  { pod, config }: Server,
  shares: ReadonlyMap<string, number>,
): readonly Ending[] {
  return [...shares].map(([name, share]) => {
    const upstream = upstreamNamed(config, name);
    const reached = upstream.kind === "endpoints" ? upstream.addresses : [];
    if (reached.length === 0) return { ...broken("closed", `local cluster ${name} has no endpoint`), share };
    if (reached.some(({ address }) => address !== "127.0.0.1")) throw new Error(`${name} leaves the pod`);
    return { ...served(journey, keyOf(pod.meta)), share };
  });
}

/** The name in a service certificate. */
function principalOf({ meta, serviceAccount }: Pod): string {
  return `${serviceAccount}.${meta.namespace}.cluster.local`;
}

function served({ http }: Journey, by: string): Ending {
  return ending(`${http === undefined ? "open" : "200"} ${by}`, "");
}

function ending(text: string, why: string): Ending {
  return { text, share: 1, why };
}

function broken(text: "refused" | "closed", why: string): Ending {
  return ending(text, why);
}

function isBroken({ text }: Ending): boolean {
  return text === "refused" || text === "closed";
}

function scaled(endings: readonly Ending[], share: number): readonly Ending[] {
  return endings.map((one) => ({ ...one, share: one.share * share }));
}

function summaryOf(endings: readonly Ending[]): string {
  const shares = new Map<string, number>();
  for (const { text, share } of endings) shares.set(text, (shares.get(text) ?? 0) + share);
  const all = [...shares].sort(([a], [b]) => (a < b ? -1 : 1));
  const [only] = all;
  if (only !== undefined && all.length === 1) return only[0];
  return all.map(([text, share]) => `${Math.round(share * 100)}% ${text}`).join(", ");
}
