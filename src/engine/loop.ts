/**
 * The one writer: drains changes, compiles, publishes. Everything else reads what it published.
 *
 * 1. A source changed the store → compile after the debounce, in slices that yield.
 * 2. A proxy connected → its configuration is rendered at once from the last compile.
 * 3. A certificate was renewed → the proxies of its account are published again, nothing is compiled.
 * 4. The trust bundle changed → all connected proxies are published again; with the trust domains, compiled again.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { TrustBundle } from "../core/envoy/secret.ts";
import type { MeshSettings } from "../core/graph/settings.ts";
import type { Clock } from "./clock.ts";
import { type CompiledMesh, createCompiler } from "./compile.ts";
import { createDebounce } from "./debounce.ts";
import { createPublisher, type Published, type PublisherOptions } from "./publisher.ts";
import { createStore, type ObjectStore } from "./store.ts";

export interface LoopOptions extends Omit<PublisherOptions, "compiler"> {
  readonly settings: MeshSettings;
  readonly clock: Clock;
  /** Told of every compile before it is published. */
  readonly onCompiled: (mesh: CompiledMesh) => void;
  /** Told of the end of every compile, also of one that threw. Must not throw. */
  readonly onCompileEnd?: (end: CompileEnd) => void;
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
  publish(key: string): void;
  trust(bundle: TrustBundle): Promise<void>;
  /** Compiles again under other settings. */
  configure(settings: MeshSettings): void;
  /** What was last published to one proxy; undefined before anything was. */
  published(key: string): Published | undefined;
  /** Computes all anew, without what is remembered from one compile to the next, and sends what differs. */
  resync(): void;
  /** Compiles and renderings that threw. Each is a bug of ours; the last good configuration stays. */
  compileFailures(): number;
  /** Whether the last compile threw. */
  failing(): boolean;
  stop(): void;
}

export function createLoop(options: LoopOptions): Loop {
  const { clock, log } = options;
  let { settings } = options;
  let compiler = createCompiler(settings);
  const publisher = createPublisher({
    ...options,
    compiler: { render: (ir, trust) => compiler.render(ir, trust) },
  });
  let mesh: CompiledMesh | undefined;
  let failures = 0;
  let failing = false;
  let running = false;
  let again = false;
  let forget = false;
  let synced = false;
  let stopped = false;
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
      await compileAndPublish();
      failing = false;
      if (wasSynced) nowReady();
    } catch (error) {
      failures += 1;
      failing = true;
      const { message, stack } = error instanceof Error ? error : new Error(String(error));
      log.error("compile failed: every proxy keeps its last good configuration", { error: message, stack });
    }
    running = false;
    options.onCompileEnd?.({ ok: !failing, duration: clock.now() - startedAt });
    if (again) {
      again = false;
      debounce.touch();
    }
  }

  async function compileAndPublish(): Promise<void> {
    const compiled = await compileInSlices();
    if (compiled === undefined) return;
    mesh = compiled;
    options.onCompiled(compiled);
    await publisher.show(compiled);
  }

  /** undefined: stopped meanwhile. */
  async function compileInSlices(): Promise<CompiledMesh | undefined> {
    if (forget) compiler = createCompiler(settings);
    forget = false;
    const work = compiler.compile(store.snapshot());
    for (let step = work.next(); !stopped; step = work.next()) {
      if (step.done) return step.value;
      await options.breathe();
    }
    return undefined;
  }

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
    publish: publisher.publish,
    trust: publisher.trust,
    published: publisher.published,
    configure(next) {
      settings = next;
      compiler.configure(next);
      debounce.touch();
    },
    resync() {
      forget = true;
      debounce.touch();
    },
    compileFailures: () => failures + publisher.failures(),
    failing: () => failing,
    stop() {
      stopped = true;
      debounce.stop();
      publisher.stop();
    },
  };
}
