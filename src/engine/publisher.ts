/**
 * Gives connected proxies what the last compile says: renders, adds the certificate, publishes.
 *
 * @module
 */
import { keyOf } from "../core/base/ref.ts";
import type { TrustBundle } from "../core/envoy/secret.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import type { ResourceCache } from "../xds/cache.ts";
import { createCertificates } from "./certificate-resource.ts";
import type { CompiledMesh, CompiledProxy, Compiler } from "./compile.ts";
import type { EngineLog, Leaf, LeafSource } from "./ports.ts";

export interface PublisherOptions {
  readonly compiler: Pick<Compiler, "render">;
  readonly leaves: LeafSource;
  readonly trust: TrustBundle;
  readonly cache: ResourceCache;
  readonly log: EngineLog;
  /** Lets waiting events run between two slices of work. */
  readonly breathe: () => Promise<void>;
  /** The keys of the proxies that are connected now. */
  readonly connected: () => Iterable<string>;
}

/** What a proxy's configuration was made with beyond its IR. */
export interface Published {
  readonly trust: TrustBundle;
  readonly settings: MeshSettings;
  /** Absent if none could be had: the proxy goes on with one that is not known here. */
  readonly leaf?: Leaf;
}

export interface Publisher {
  /** Publishes a new compile to all connected proxies, in slices. Never rejects. */
  show(mesh: CompiledMesh): Promise<void>;
  /** Publishes to one proxy; for one that just connected. Never throws. */
  publish(key: string): void;
  /** Publishes again under another trust bundle. Never rejects. */
  trust(bundle: TrustBundle): Promise<void>;
  /** Proxies that could not be rendered, each time. Each is a bug of ours; the proxy keeps its last good configuration. */
  failures(): number;
  /** What was last published to the proxy; undefined before anything was. */
  published(key: string): Published | undefined;
  stop(): void;
}

/** Proxies published between two pauses. A new rendering takes up to a few milliseconds, a known one next to nothing. */
const SLICE = 4;

export function createPublisher(options: PublisherOptions): Publisher {
  const { compiler, cache, leaves, log } = options;
  const certificates = createCertificates(leaves);
  const held = new Map<string, Leaf>();
  /** Accounts for which no certificate could be had. */
  const lacking = new Set<string>();
  const published = new Map<string, Published>();
  let bundle = options.trust;
  let mesh: CompiledMesh | undefined;
  let failures = 0;
  let stopped = false;

  async function publishAll(): Promise<void> {
    leaves.retain(accountsInUse());
    forgetGone();
    let done = 0;
    for (const key of [...options.connected()]) {
      if (stopped) return;
      publish(key);
      done += 1;
      if (done % SLICE === 0) await options.breathe();
    }
  }

  function forgetGone(): void {
    for (const key of published.keys()) if (mesh?.proxies.has(key) !== true) published.delete(key);
  }

  function accountsInUse(): readonly Leaf["account"][] {
    const accounts = [...options.connected()].flatMap((key) => mesh?.proxies.get(key)?.ir.serviceAccount ?? []);
    const unique = new Map(accounts.map((account) => [keyOf(account), account]));
    for (const known of [held, lacking]) for (const key of known.keys()) if (!unique.has(key)) known.delete(key);
    return [...unique.values()];
  }

  function publish(key: string): void {
    const proxy = mesh?.proxies.get(key);
    if (proxy !== undefined) publishProxy(proxy);
    else {
      published.delete(key);
      cache.remove(key);
    }
  }

  function publishProxy({ key, ir }: CompiledProxy): void {
    const leaf = held.get(keyOf(ir.serviceAccount));
    if (leaf === undefined) {
      // What is left from when it was connected here last, perhaps under other roots, must not undo what others have
      // sent it since.
      if (lacking.has(keyOf(ir.serviceAccount))) publishWithout(key);
      else cache.forget(key);
      void obtain(key, ir.serviceAccount);
      return;
    }
    render(key, ir, leaf);
  }

  function render(key: string, ir: CompiledProxy["ir"], leaf?: Leaf): void {
    try {
      const rest = compiler.render(ir, bundle);
      const whole = leaf ? certificates.add(rest, leaf) : certificates.withhold(rest, ir.serviceAccount);
      cache.publish(key, whole);
      const common = mesh && { trust: bundle, settings: mesh.graph.settings };
      if (common !== undefined) published.set(key, leaf ? { ...common, leaf } : common);
    } catch (error) {
      failures += 1;
      const fields = { proxy: key, error: String(error) };
      log.error("a proxy could not be rendered: it keeps its last good configuration", fields);
    }
  }

  /**
   * A control plane that started while its authority is away has no certificates. Pods that are ready hold one, and it
   * must not be for want of another that they never hear of endpoints and policies again. Others wait: an Envoy that
   * starts would be ready without a certificate, and fail every request.
   */
  function publishWithout(key: string): void {
    const proxy = mesh?.proxies.get(key);
    if (proxy !== undefined && (proxy.pod.ready || proxy.pod.containersReady)) render(key, proxy.ir);
    else cache.forget(key);
  }

  /** Never rejects. The source retries by itself and tells of its success through `onRenewed`. */
  async function obtain(key: string, account: Leaf["account"]): Promise<void> {
    const name = keyOf(account);
    const wasLacking = lacking.has(name);
    try {
      hold(await leaves.obtain(account));
    } catch (error) {
      if (!lacking.has(name))
        log.error("no certificate for a proxy: it goes on with the one that it holds, or waits", {
          proxy: key,
          account: name,
          error: String(error),
        });
      lacking.add(name);
      // One that lacked it before was published so when this was asked.
      if (!stopped && !wasLacking) publishWithout(key);
      return;
    }
    if (!stopped) publish(key);
  }

  function hold(leaf: Leaf): void {
    const name = keyOf(leaf.account);
    held.set(name, leaf);
    lacking.delete(name);
  }

  const stopListening = leaves.onRenewed((leaf) => {
    hold(leaf);
    for (const key of options.connected()) {
      const proxy = mesh?.proxies.get(key);
      if (proxy !== undefined && keyOf(proxy.ir.serviceAccount) === keyOf(leaf.account)) publishProxy(proxy);
    }
  });

  return {
    show(next) {
      mesh = next;
      return publishAll();
    },
    publish,
    trust(next) {
      bundle = next;
      return publishAll();
    },
    failures: () => failures,
    published: (key) => published.get(key),
    stop() {
      stopped = true;
      stopListening();
    },
  };
}
