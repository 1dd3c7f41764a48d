/**
 * Gives connected proxies what the last compile says: renders, adds the certificate, publishes.
 *
 * @module
 */
import { keyOf } from "../core/base/ref.ts";
import type { TrustBundle } from "../core/envoy/secret.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import type { ResourceCache } from "../xds/cache.ts";
import { createCertificateAdder } from "./certificate-resource.ts";
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
  readonly leaf: Leaf;
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
  const addCertificate = createCertificateAdder(leaves);
  const held = new Map<string, Leaf>();
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
    for (const key of held.keys()) if (!unique.has(key)) held.delete(key);
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
      void obtain(key, ir.serviceAccount);
      return;
    }
    try {
      cache.publish(key, addCertificate(compiler.render(ir, bundle), leaf));
      if (mesh !== undefined) published.set(key, { trust: bundle, settings: mesh.graph.settings, leaf });
    } catch (error) {
      failures += 1;
      const fields = { proxy: key, error: String(error) };
      log.error("a proxy could not be rendered: it keeps its last good configuration", fields);
    }
  }

  /** Never rejects. The source retries by itself and tells of its success through `onRenewed`. */
  async function obtain(key: string, account: Leaf["account"]): Promise<void> {
    try {
      hold(await leaves.obtain(account));
    } catch (error) {
      log.error("no certificate for a proxy: it waits", { proxy: key, account: keyOf(account), error: String(error) });
      return;
    }
    if (!stopped) publish(key);
  }

  function hold(leaf: Leaf): void {
    held.set(keyOf(leaf.account), leaf);
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
