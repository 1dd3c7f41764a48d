/**
 * The engine: the loop, the connected proxies and the view of both that status, CLI and metrics share.
 *
 * @module
 */
import { type Finding, finding, tidyFindings } from "../core/base/finding.ts";
import { type ProxyIdentity, proxyKey } from "../core/base/identity.ts";
import type { Millis } from "../core/base/millis.ts";
import { keyOf } from "../core/base/ref.ts";
import type { ResourceCache } from "../xds/cache.ts";
import type { XdsObserver } from "../xds/observer.ts";
import { type ProxyResources, type ResourceKind, SEND_ORDER } from "../xds/resource.ts";
import type { Admission } from "../xds/service.ts";
import type { CompiledProxy } from "./compile.ts";
import { createLoop, type Loop, type LoopOptions } from "./loop.ts";
import type { Leaf, ObjectSink } from "./ports.ts";
import { type ConnectedProxy, createProxyRegistry, type Rejection } from "./proxies.ts";
import { createProxyLimit } from "./proxy-limit.ts";
import type { Published } from "./publisher.ts";
import { createResync } from "./resync.ts";

export interface ProxyState {
  readonly uuid: string;
  readonly namespace: string;
  readonly pod: string;
  readonly serviceAccount: string;
  readonly connected: boolean;
  /** Its pod runs, so it may hold something of an earlier connection. */
  readonly started: boolean;
  /** It has accepted everything that it should have. */
  readonly inSync: boolean;
  /** Absent while it is not connected. */
  readonly connection?: Pick<ConnectedProxy, "since" | "protocol">;
  /** What it accepted last, in the order in which types are sent. */
  readonly acknowledged: readonly AcknowledgedGroup[];
  readonly rejections: readonly Rejection[];
  /** The certificate that it accepted last from this replica; absent before that. Epoch milliseconds. */
  readonly certificate?: { readonly issuedAt: Millis; readonly notAfter: Millis };
  /** What it was sent last and has accepted; absent while it has not, or is not connected. */
  readonly accepted?: {
    /** PEM of the roots that it trusts. */
    readonly trust: string;
    /** Id of the root that its certificate leads to; absent where it goes on with one that was not issued here. */
    readonly issuer?: string;
    /** Whose names it takes; the first is its own. */
    readonly trustDomains: readonly [string, ...string[]];
    /** Of everything; otherwise of secrets alone. */
    readonly whole: boolean;
  };
}

export interface AcknowledgedGroup {
  readonly kind: ResourceKind;
  readonly version: string;
  /** It is what the proxy should have now. */
  readonly current: boolean;
}

export interface Engine {
  readonly sink: ObjectSink;
  readonly observer: XdsObserver;
  readonly loop: Loop;
  /** Whether a proven identity may have a configuration: a pod of that uuid, namespace and account must exist. */
  admit(identity: ProxyIdentity): Admission;
  proxies(): readonly ProxyState[];
  /** Calls `listener` after any change of `proxies()` or `findings()`. */
  onChange(listener: () => void): () => void;
  findings(): readonly Finding[];
  /** Resources told to proxies since the start, removals included, by type. */
  sent(): Readonly<Record<ResourceKind, number>>;
  /** Refusals told by proxies since the start, by type. */
  rejected(): Readonly<Record<ResourceKind, number>>;
  /** Times that a proxy was refused since there were as many as the MeshConfig allows. */
  overLimit(): number;
  /** Proxies with a stream, also those whose pod is gone. */
  connectedCount(): number;
  stop(): void;
}

export function createEngine(options: Omit<LoopOptions, "connected">): Engine {
  const listeners = new Set<() => void>();
  /** What each proxy accepted last. */
  const held = new Map<string, Leaf>();
  const sent = zeroes();
  const rejected = zeroes();
  const tell = () => {
    for (const listener of listeners) listener();
  };
  const registry = createProxyRegistry(options.clock, tell);
  const loop = createLoop({
    ...options,
    connected: () => registry.all().map(({ key }) => key),
    onCompiled(mesh) {
      for (const key of held.keys()) if (!mesh.proxies.has(key)) held.delete(key);
      resync.every(mesh.graph.config.sidecar.configResyncInterval);
      options.onCompiled(mesh);
      tell();
    },
  });

  const limit = createProxyLimit({ clock: options.clock, registry, mesh: loop.mesh, onChange: tell });
  const resync = createResync(options.clock, loop.resync);

  return {
    sink: loop.store,
    loop,
    observer: {
      ...registry,
      connected(stream) {
        registry.connected(stream);
        loop.publish(stream.proxy);
      },
      acknowledged(acknowledged) {
        registry.acknowledged(acknowledged);
        const { proxy, kind, version } = acknowledged;
        const leaf = loop.published(proxy)?.leaf;
        if (kind === "secret" && leaf !== undefined && options.cache.read(proxy)?.secret.version === version)
          held.set(proxy, leaf);
      },
      rejected(rejection) {
        registry.rejected(rejection);
        rejected[rejection.kind] += 1;
        options.log.error("a proxy refused its configuration and keeps the last good one", { ...rejection });
      },
      sent({ kind, names, removed }) {
        sent[kind] += names + removed;
      },
      refused: (refusal) => options.log.error("a client was refused", { ...refusal }),
      ignored: (request) => options.log.info("a proxy asked for a type that is not served", { ...request }),
      failed: ({ proxy, error }) => options.log.info("a connection ended by an error", { proxy, error: error.message }),
    },
    sent: () => ({ ...sent }),
    rejected: () => ({ ...rejected }),
    overLimit: limit.refusals,
    connectedCount: registry.count,
    admit(identity) {
      const admission = admit(loop, identity);
      const reason = admission.kind === "admitted" ? limit.refusal(admission.proxy) : undefined;
      return reason === undefined ? admission : { kind: "refused", reason };
    },
    proxies: () =>
      [...(loop.mesh()?.proxies.values() ?? [])].map((proxy) =>
        stateOf(proxy, registry.read(proxy.key), {
          cache: options.cache,
          published: loop.published(proxy.key),
          held: held.get(proxy.key),
        }),
      ),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    findings: () =>
      tidyFindings([
        ...loop.store.findings(),
        ...(loop.mesh()?.findings ?? []),
        ...limit.findings(),
        ...rejections(loop, registry.all()),
      ]),
    stop() {
      resync.stop();
      loop.stop();
    },
  };
}

function zeroes(): Record<ResourceKind, number> {
  return { secret: 0, cluster: 0, endpoints: 0, listener: 0, route: 0 };
}

function admit(loop: Loop, identity: ProxyIdentity): Admission {
  const proxy = proxyKey(identity);
  if (loop.mesh()?.graph.pods.byProxy.has(proxy)) return { kind: "admitted", proxy };
  const { uuid, serviceAccount } = identity;
  const account = keyOf(serviceAccount);
  const reason = `no pod of account ${account} carries the label osm-proxy-uuid=${uuid}, or more than one does`;
  return { kind: "refused", reason };
}

interface Sent {
  readonly cache: ResourceCache;
  readonly published: Published | undefined;
  readonly held: Leaf | undefined;
}

function stateOf(
  proxy: CompiledProxy,
  connection: ConnectedProxy | undefined,
  { cache, published, held }: Sent,
): ProxyState {
  const { key, uuid, pod } = proxy;
  const wanted = cache.read(key);
  const inSync = connection !== undefined && isInSync(proxy, connection, wanted);
  const accepted = published && connection && acceptedOf(proxy, connection, wanted, published);
  return {
    uuid,
    namespace: pod.meta.namespace,
    pod: pod.meta.name,
    serviceAccount: pod.serviceAccount,
    connected: connection !== undefined,
    started: pod.phase !== "" && pod.phase !== "Pending" && !pod.terminating,
    inSync,
    ...(connection && { connection: { since: connection.since, protocol: connection.protocol } }),
    acknowledged: SEND_ORDER.flatMap((kind) => {
      const version = connection?.acknowledged.get(kind);
      return version === undefined ? [] : [{ kind, version, current: version === wanted?.[kind].version }];
    }),
    rejections: connection?.rejections ?? [],
    ...(held && { certificate: { issuedAt: held.issuedAt, notAfter: held.notAfter } }),
    ...(accepted && { accepted: { ...accepted, whole: inSync } }),
  };
}

function acceptedOf(
  { ir }: CompiledProxy,
  connection: ConnectedProxy,
  wanted: ProxyResources | undefined,
  { trust, leaf, settings }: Published,
): Omit<NonNullable<ProxyState["accepted"]>, "whole"> | undefined {
  const has = wanted !== undefined && connection.acknowledged.get("secret") === wanted.secret.version;
  if (!has && usesSecrets(ir)) return undefined;
  const { trustDomain, otherTrustDomains = [] } = settings;
  return {
    trust: trust.pem,
    ...(leaf && { issuer: leaf.issuerId }),
    trustDomains: [trustDomain, ...otherTrustDomains],
  };
}

/** A proxy that neither calls nor serves anybody asks for no secret, so it accepts none. */
function usesSecrets({ inbound, upstreams }: CompiledProxy["ir"]): boolean {
  return inbound !== undefined || upstreams.some(({ kind }) => kind === "mesh");
}

function isInSync({ ir }: CompiledProxy, connection: ConnectedProxy, wanted: ProxyResources | undefined): boolean {
  if (wanted === undefined || connection.rejections.length > 0) return false;
  const asked = (kind: ResourceKind): boolean => (kind === "secret" ? usesSecrets(ir) : wanted[kind].byName.size > 0);
  return SEND_ORDER.filter(asked).every((kind) => connection.acknowledged.get(kind) === wanted[kind].version);
}

function rejections(loop: Loop, connected: readonly ConnectedProxy[]): readonly Finding[] {
  return connected.flatMap(({ key, rejections: refused }) => {
    const pod = loop.mesh()?.proxies.get(key)?.pod;
    if (pod === undefined) return [];
    const about = { kind: "Pod", namespace: pod.meta.namespace, name: pod.meta.name };
    return refused.map(({ kind, names, message }) =>
      finding("proxy-rejected", about, `${kind}[${names.join(",")}]`, message),
    );
  });
}
