/**
 * The loop that makes what runs equal to what is desired: controllers, kubelet and kube-proxy of one small node.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import type { Millis } from "../../core/base/millis.ts";
import { keyOf, type ObjectRef, refText } from "../../core/base/ref.ts";
import { decideInjection, type Injection } from "../../core/inject/decision.ts";
import { recordInjected } from "../../core/model/injected-settings.ts";
import { DEFAULT_MESH_CONFIG, type MeshConfig } from "../../core/model/mesh-config.ts";
import { parseObject } from "../../core/model/parse.ts";
import type { Clock } from "../../engine/clock.ts";
import type { ObjectSink } from "../../engine/ports.ts";
import { MACHINE_ADDRESS, type Machine, POD_CIDR } from "../runtime/ports.ts";
import { AddressPool } from "./addresses.ts";
import type { DesiredObject } from "./desired.ts";
import { keepCredential } from "./keep-credential.ts";
import { type Materialised, Materialiser } from "./materialise.ts";
import { shortHash } from "./names.ts";
import { ObjectFeed } from "./object-feed.ts";
import { planPods } from "./plan.ts";
import { buildPodIdentity, type PodIdentity, toOwnedPod } from "./pod-record.ts";
import { PodRunner } from "./pod-runner.ts";
import { MESH_NAMESPACE, type PodCredentials } from "./ports.ts";
import { type ProxyWatch, untilProxyReady } from "./proxy-ready.ts";
import { buildSidecarPlan } from "./sidecar.ts";
import { readWorkload, type WorkloadPlan } from "./workloads.ts";

/** Changes that come together are answered together. */
const SETTLE: Millis = 20;
/** From the end of an endpoint to SIGTERM: its callers' proxies have to hear of it. */
const DRAIN: Millis = 700;
/** `.0.0` to `.0.9` belong to the machine. */
const RESERVED_POD_ADDRESSES = 10;
/** When everything goes, nobody waits half a minute for a program that ignores SIGTERM. */
const SHUTDOWN_GRACE: Millis = 5000;

export interface ClusterOptions {
  readonly machine: Machine;
  readonly clock: Clock;
  readonly sink: ObjectSink;
  readonly credentials: PodCredentials;
  readonly proxies: ProxyWatch;
  /** Where a pod sees the files of its sidecar. */
  readonly sidecarDirectory: string;
  desired(): readonly DesiredObject[];
  /** Called after the state that `pods` and `warnings` show may have changed. */
  onChange?(): void;
}

export interface ClusterPod {
  readonly pod: PodIdentity;
  readonly runner: PodRunner;
}

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #pods = new Map<string, ClusterPod>();
  readonly #addresses = new AddressPool(POD_CIDR, RESERVED_POD_ADDRESSES);
  readonly #materialiser = new Materialiser();
  readonly #feed: ObjectFeed;
  readonly #workloads = new WeakMap<object, { readonly plan: WorkloadPlan | undefined }>();
  #warnings: readonly string[] = [];
  #made: Materialised | undefined;
  #tables = "";
  #cancel: (() => void) | undefined;
  #cancelAgain: () => void = () => undefined;
  #closing = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#feed = new ObjectFeed(options.sink);
    options.credentials.onChange(() => this.poke());
  }

  /** Something changed: reconcile soon. */
  poke(): void {
    this.#cancel ??= this.#options.clock.after(SETTLE, () => {
      this.#cancel = undefined;
      this.reconcile();
    });
  }

  /** Takes the next step towards what is desired, and publishes what is. */
  reconcile(): void {
    const desired = this.#options.desired();
    const problems = this.#closing ? [] : this.#applyPlans(desired);
    const pods = [...this.#pods.values()].map(({ pod, runner }) => ({ pod, view: runner.view() }));
    for (const { runner } of this.#pods.values()) void runner.renewCredential(); // never rejects
    const made = this.#materialiser.materialise(desired, pods);
    this.#feed.tell(made.objects);
    this.#made = made;
    this.#warnings = [...problems, ...made.warnings];
    this.#setTables(made);
    this.#options.onChange?.();
  }

  #setTables({ addresses, names }: Materialised): void {
    const tables = JSON.stringify([addresses, names]);
    if (tables === this.#tables) return;
    this.#tables = tables;
    this.#options.machine.setNames(names);
    this.#options.machine.setServices(addresses).catch((cause: unknown) => {
      // Tried again with the next change; a table that could not be set must not count as set.
      this.#tables = "";
      this.#warnings = [
        ...this.#warnings,
        `service addresses: ${cause instanceof Error ? cause.message : String(cause)}`,
      ];
    });
  }

  /** What was last published. */
  published(): Materialised | undefined {
    return this.#made;
  }

  /** By namespace and name. */
  pods(): readonly ClusterPod[] {
    return [...this.#pods.keys()].sort().flatMap((key) => this.#pods.get(key) ?? []);
  }

  warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Ends all pods. Nothing is created any more. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#cancelAgain();
    await Promise.all(
      [...this.#pods.values()].map(({ pod, runner }) => runner.terminate(0, Math.min(graceOf(pod), SHUTDOWN_GRACE))),
    );
    this.#cancel?.();
  }

  #applyPlans(desired: readonly DesiredObject[]): readonly string[] {
    const problems: string[] = [];
    const namespaces = new Map(desired.filter(({ ref }) => ref.kind === "Namespace").map((one) => [one.ref.name, one]));
    const owned = Map.groupBy(this.#pods.values(), ({ pod }) => refText(pod.owner));
    const wanted = new Set<string>();
    let again = Number.POSITIVE_INFINITY;
    for (const { ref, raw } of desired) {
      const plan = this.#readWorkload(raw);
      if (plan === undefined) continue;
      wanted.add(refText(ref));
      const injection = decideInjection(toQuestion(plan, namespaces.get(ref.namespace)));
      if (injection.kind === "refuse") problems.push(`${refText(ref)}: ${injection.reason}`);
      again = Math.min(again, this.#applyPlan(plan, injection, owned.get(refText(ref)) ?? []));
    }
    for (const [owner, pods] of owned) if (!wanted.has(owner)) for (const one of pods) this.#remove(one);
    this.#planAgain(again);
    return problems;
  }

  /** @returns When to look again although nothing changed. */
  #applyPlan(plan: WorkloadPlan, injection: Injection, pods: readonly ClusterPod[]): Millis {
    const { clock } = this.#options;
    // Whether a pod has a sidecar is settled at its creation: a namespace that joins the mesh replaces its pods.
    const hash = shortHash([plan.hash, injection]);
    const now = clock.now();
    const views = pods.map(({ pod, runner }) => toOwnedPod(pod, runner.view()));
    const { create, remove, again } = planPods({ controller: plan.controller, hash, pods: views, now });
    for (const name of remove) for (const one of pods) if (one.pod.facts.name === name) this.#remove(one);
    if (injection.kind !== "refuse") for (const ordinal of create) this.#create(plan, { hash, ordinal, injection });
    return again ?? Number.POSITIVE_INFINITY;
  }

  #planAgain(at: Millis): void {
    this.#cancelAgain();
    if (at === Number.POSITIVE_INFINITY) return;
    this.#cancelAgain = this.#options.clock.after(Math.max(0, at - this.#options.clock.now()), () => this.poke());
  }

  #create(
    plan: WorkloadPlan,
    { hash, ordinal, injection }: { readonly hash: string; readonly ordinal: number; readonly injection: Injection },
  ): void {
    const { clock } = this.#options;
    const uid = randomUUID();
    const config = this.#meshConfig();
    const pod = buildPodIdentity({
      plan,
      hash,
      ordinal,
      now: clock.now(),
      uid,
      ip: this.#addresses.take(uid),
      hostIp: MACHINE_ADDRESS,
      ...(injection.kind === "inject" ? { proxyUuid: randomUUID() } : {}),
      annotations: injection.kind === "inject" ? { ...injection.annotations, ...recordInjected(config, "linux") } : {},
    });
    const runner = this.#runnerOf(pod, config);
    this.#pods.set(keyOf(pod.facts), { pod, runner });
    runner.start();
  }

  /** @param config - What the pod keeps, also if its preparation is tried again later. */
  #runnerOf(pod: PodIdentity, config: MeshConfig): PodRunner {
    const { machine, clock, credentials, proxies, sidecarDirectory } = this.#options;
    const { facts, proxyUuid, hostname, template } = pod;
    const proxy = proxyUuid && {
      uuid: proxyUuid,
      serviceAccount: { namespace: facts.namespace, name: facts.serviceAccount },
    };
    return new PodRunner({
      facts,
      spec: template.spec,
      hostname,
      machine,
      clock,
      ...(proxy
        ? {
            sidecar: {
              ...keepCredential(credentials, proxy, (credential) =>
                buildSidecarPlan({ facts, proxy, credential, config, directory: sidecarDirectory }),
              ),
              ready: () => untilProxyReady(proxy.uuid, proxies, clock),
            },
          }
        : {}),
      onChange: () => this.poke(),
    });
  }

  #remove({ pod, runner }: ClusterPod): void {
    if (runner.view().terminating) return;
    // Cannot reject: a sandbox that does not go is the machine's to report, and ends with the machine.
    void runner
      .terminate(DRAIN, graceOf(pod))
      .catch(() => undefined)
      .then(() => {
        this.#pods.delete(keyOf(pod.facts));
        this.#addresses.free(pod.facts.uid);
        this.poke();
      });
  }

  #meshConfig(): MeshConfig {
    const ref: ObjectRef = { kind: "MeshConfig", namespace: MESH_NAMESPACE, name: "osm-mesh-config" };
    const found = this.#options.desired().find((one) => refText(one.ref) === refText(ref));
    const parsed = found === undefined ? undefined : parseObject(found.raw);
    return parsed?.ok === true && parsed.value.kind === "MeshConfig" ? parsed.value : DEFAULT_MESH_CONFIG;
  }

  #readWorkload(raw: object): WorkloadPlan | undefined {
    const known = this.#workloads.get(raw) ?? { plan: readWorkload(raw) };
    this.#workloads.set(raw, known);
    return known.plan;
  }
}

function toQuestion(
  { ref, template }: WorkloadPlan,
  namespace: DesiredObject | undefined,
): Parameters<typeof decideInjection>[0] {
  const parsed = namespace === undefined ? undefined : parseObject(namespace.raw);
  const meta = parsed?.ok === true ? parsed.value.meta : { labels: {}, annotations: {} };
  return {
    namespace: { name: ref.namespace, labels: meta.labels, annotations: meta.annotations },
    annotations: template.annotations,
    hostNetwork: template.spec.hostNetwork,
  };
}

function graceOf({ template }: PodIdentity): Millis {
  return template.spec.terminationGracePeriodSeconds * 1000;
}
