/**
 * Pods for tests of injection: made from few words, and looked into as their kubelet reports them.
 *
 * @module
 */
import { IMAGE, type Manifest, type Namespaced } from "../support/workloads.ts";
import { kubectl } from "./kubectl.ts";
import { eventually, patchMeshConfig } from "./mesh.ts";
import { troubleOf } from "./trouble.ts";

/** Of waiting for a pod; generous, since it only matters when a test fails. */
const POD_SECONDS = 180;

export interface PodOptions {
  /** Labels beside `app: <name>`. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** One `main` that echoes HTTP on 8080 by default. */
  readonly containers?: readonly object[];
  /** Further fields of the spec. */
  readonly spec?: object;
}

/** A container that runs `osm demo app …`. */
export function appContainer(name: string, args: readonly string[], more: object = {}): object {
  return { name, image: IMAGE, command: ["osm", "demo", "app", ...args], ...more };
}

export function pod({ namespace, name }: Namespaced, options: PodOptions = {}): Manifest {
  const { labels = {}, annotations = {}, containers = [appContainer("main", ["http-echo"])], spec = {} } = options;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace, name, labels: { app: name, ...labels }, annotations },
    spec: { terminationGracePeriodSeconds: 1, containers, ...spec },
  };
}

/** As much of a Pod as tests look at. */
export interface PodState {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly containers: readonly ContainerSpec[];
    readonly initContainers?: readonly ContainerSpec[];
  };
  readonly status: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerState[];
    readonly initContainerStatuses?: readonly ContainerState[];
  };
}

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly restartPolicy?: string;
  readonly resources?: object;
}

export interface ContainerState {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
}

/** Where sidecars of new pods lead their callers. Resolves once pods of `ns` would get it. */
export async function setLocalProxyMode(ns: string, mode: "PodIP" | "Localhost"): Promise<void> {
  await patchMeshConfig({ sidecar: { localProxyMode: mode } });
  await eventually(`new pods are led by ${mode}`, 60, async () => {
    const [init] = (await tryPod(pod({ namespace: ns, name: "tried" }))).spec.initContainers ?? [];
    const isByAddress = (init?.args ?? []).join().includes("--to-destination $(POD_IP)");
    if (isByAddress !== (mode === "PodIP")) throw new Error(JSON.stringify(init?.args));
  });
}

export async function readPod({ namespace, name }: Namespaced): Promise<PodState> {
  return JSON.parse(await kubectl(["-n", namespace, "get", "pod", name, "-o", "json"])) as PodState;
}

/** What the pod would become, without its being made. */
export async function tryPod(manifest: Manifest): Promise<PodState> {
  const made = await kubectl(["create", "--dry-run=server", "-o", "json", "-f", "-"], JSON.stringify(manifest));
  return JSON.parse(made) as PodState;
}

/** Asks until `fits`. @throws Error with the last answer if it never does. */
export async function untilPod(
  of: Namespaced,
  what: string,
  fits: (state: PodState) => boolean,
  seconds = POD_SECONDS,
): Promise<PodState> {
  return await eventually(`pod ${of.name}: ${what}`, seconds, async () => {
    const state = await readPod(of);
    if (!fits(state)) throw new Error(JSON.stringify(state.status));
    return state;
  });
}

export function isReady({ status }: PodState): boolean {
  return (status.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True");
}

/** @throws Error, having printed why it is not. */
export async function untilPodReady(of: Namespaced): Promise<PodState> {
  try {
    return await untilPod(of, "is ready", isReady);
  } catch (cause) {
    console.error(await troubleOf(of.namespace));
    throw cause;
  }
}

/** @throws Error if the pod has no address yet. */
export function addressOf({ metadata, status }: PodState): string {
  if (status.podIP === undefined) throw new Error(`pod ${metadata.name} has no address`);
  return status.podIP;
}

/** The sidecar, wherever it stands. */
export function sidecarOf({ spec }: PodState): ContainerSpec | undefined {
  return [...(spec.initContainers ?? []), ...spec.containers].find(({ name }) => name === "envoy");
}
