/**
 * The one writer: drains changes, compiles, publishes. Everything else reads what it published.
 *
 * 1. A source changed the store → compile after the debounce, in slices that yield.
 * 2. A proxy connected → its configuration is rendered at once from the last compile.
 * 3. A certificate was renewed → the proxies of its account are published again, nothing is compiled.
 * 4. The trust bundle changed → all connected proxies are published again.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { keyOf } from "../core/base/ref.ts";
import type { TrustBundle } from "../core/envoy/secret.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import type { ResourceCache } from "../xds/cache.ts";
import { createCertificateAdder } from "./certificate-resource.ts";
import type { Clock } from "./clock.ts";
import { type CompiledMesh, type CompiledProxy, createCompiler } from "./compile.ts";
import { createDebounce } from "./debounce.ts";
import type { EngineLog, Leaf, LeafSource } from "./ports.ts";
import { createStore, type ObjectStore } from "./store.ts";

export interface LoopOptions {
  readonly settings: MeshSettings;
  readonly clock: Clock;
  readonly leaves: LeafSource;
  readonly trust: TrustBundle;
  readonly cache: ResourceCache;
  readonly log: EngineLog;
  /** Lets waiting events run between two slices of a compile. */
  readonly breathe: () => Promise<void>;
  /** Told of every compile before it is published. */
  readonly onCompiled: (mesh: CompiledMesh) => void;
  /** Told of the end of every compile, also of one that threw. Must not throw. */
  readonly onCompileEnd?: (end: CompileEnd) => void;
  /** The uuids of the proxies that are connected now. */
  readonly connected: () => Iterable<string>;
}

export interface CompileEnd {
  readonly ok: boolean;
  /** Publishing included. */
  readonly duration: Millis;
}

export interface Loop {
  readonly store: ObjectStore;
  /** The last compile; undefined before the first. */
  mesh(): CompiledMesh | undefined;
  /** Resolves once everything that the sources told at the start was compiled. */
  readonly ready: Promise<void>;
  /** Publishes to one proxy what the last compile says; for a proxy that just connected. */
  publish(uuid: string): void;
  trust(bundle: TrustBundle): void;
  /** Compiles that threw. Each is a bug of ours; the last good configuration stays. */
  compileFailures(): number;
  /** Whether the last compile threw. */
  failing(): boolean;
  stop(): void;
}

export function createLoop(options: LoopOptions): Loop {
  const { clock, cache, leaves, log } = options;
  const compiler = createCompiler(options.settings);
  const addCertificate = createCertificateAdder(leaves);
  const held = new Map<string, Leaf>();
  let bundle = options.trust;
  let mesh: CompiledMesh | undefined;
  let failures = 0;
  let failing = false;
  let running = false;
  let again = false;
  let synced = false;
  const { promise: ready, resolve: nowReady } = Promise.withResolvers<void>();
  const debounce = createDebounce(clock, () => void run());
  const store = createStore(() => debounce.touch());

  /** Never rejects: a compile that throws is counted and leaves everything as it was. */
  async function run(): Promise<void> {
    if (running) {
      again = true;
      return;
    }
    running = true;
    const wasSynced = synced;
    const startedAt = clock.now();
    try {
      mesh = await compileInSlices();
      options.onCompiled(mesh);
      publishAll();
      failing = false;
    } catch (error) {
      failures += 1;
      failing = true;
      log.error("compile failed: every proxy keeps its last good configuration", {
        error: String(error),
        stack: (error as Error).stack,
      });
    } finally {
      running = false;
      options.onCompileEnd?.({ ok: !failing, duration: clock.now() - startedAt });
    }
    if (wasSynced) nowReady();
    if (again) {
      again = false;
      debounce.touch();
    }
  }

  async function compileInSlices(): Promise<CompiledMesh> {
    const work = compiler.compile(store.snapshot());
    for (let step = work.next(); ; step = work.next()) {
      if (step.done) return step.value;
      await options.breathe();
    }
  }

  function publishAll(): void {
    leaves.retain(accountsInUse());
    for (const uuid of options.connected()) publish(uuid);
  }

  function accountsInUse(): readonly Leaf["account"][] {
    const accounts = [...options.connected()].flatMap((uuid) => mesh?.proxies.get(uuid)?.ir.serviceAccount ?? []);
    const unique = new Map(accounts.map((account) => [keyOf(account), account]));
    for (const key of held.keys()) if (!unique.has(key)) held.delete(key);
    return [...unique.values()];
  }

  function publish(uuid: string): void {
    const proxy = mesh?.proxies.get(uuid);
    if (proxy === undefined) cache.remove(uuid);
    else publishProxy(proxy);
  }

  function publishProxy({ uuid, ir }: CompiledProxy): void {
    const leaf = held.get(keyOf(ir.serviceAccount));
    if (leaf === undefined) {
      void obtain(uuid, ir.serviceAccount);
      return;
    }
    try {
      cache.publish(uuid, addCertificate(compiler.render(ir, bundle), leaf));
    } catch (error) {
      failures += 1;
      log.error("a proxy could not be rendered: it keeps its last good configuration", {
        proxy: uuid,
        error: String(error),
      });
    }
  }

  /** Never rejects. The source retries by itself and tells of its success through `onRenewed`. */
  async function obtain(uuid: string, account: Leaf["account"]): Promise<void> {
    try {
      hold(await leaves.obtain(account));
      publish(uuid);
    } catch (error) {
      log.error("no certificate for a proxy: it waits", { proxy: uuid, account: keyOf(account), error: String(error) });
    }
  }

  function hold(leaf: Leaf): void {
    held.set(keyOf(leaf.account), leaf);
  }

  const stopListening = leaves.onRenewed((leaf) => {
    hold(leaf);
    for (const uuid of options.connected()) {
      const proxy = mesh?.proxies.get(uuid);
      if (proxy !== undefined && keyOf(proxy.ir.serviceAccount) === keyOf(leaf.account)) publishProxy(proxy);
    }
  });

  return {
    store: {
      ...store,
      synced() {
        synced = true;
        store.synced();
      },
    },
    mesh: () => mesh,
    ready,
    publish,
    trust(next) {
      bundle = next;
      publishAll();
    },
    compileFailures: () => failures,
    failing: () => failing,
    stop() {
      debounce.stop();
      stopListening();
    },
  };
}
