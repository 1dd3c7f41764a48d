/**
 * Pod in, JSON Patch out: everything that injection changes (platform spec 3.3).
 *
 * @module
 */
import { workloadOf } from "../base/workload.ts";
import { recordInjected } from "../model/injected-settings.ts";
import { PROXY_UUID_LABEL } from "../model/pod.ts";
import { chooseImages, chooseNative, type Images } from "./choices.ts";
import { decideInjection } from "./decision.ts";
import { injectedBefore, nameConflicts, surprises } from "./doubts.ts";
import { readExclusions } from "./exclusions.ts";
import { buildInitContainer } from "./init-container.ts";
import { addItems, type PatchOperation, setEntries } from "./json-patch.ts";
import { BOOTSTRAP_VOLUME, bootstrapSecretName } from "./names.ts";
import type { InjectionOutcome, InjectionRequest, SidecarStart } from "./outcome.ts";
import { type PodView, readPod } from "./pod-view.ts";
import { recordProbes } from "./probe-record.ts";
import { rewriteProbes } from "./probes.ts";
import { rekeySidecar } from "./rekey.ts";
import { buildSidecarContainer } from "./sidecar-container.ts";

/** Never throws, whatever `pod` is. */
export function injectSidecar(request: InjectionRequest): InjectionOutcome {
  const { namespace, settings } = request;
  const read = readPod(request.pod, namespace.name);
  if (!read.ok) return { kind: "refuse", reason: read.reason };
  const { pod } = read;
  const { meshName, meshNamespace } = settings;
  const decision = decideInjection({ ...pod, namespace, meshName, meshNamespace });
  switch (decision.kind) {
    case "refuse":
      return decision;
    case "skip":
      return { kind: "skip", reason: decision.reason, warnings: decision.surprising ? [withoutSidecar(decision)] : [] };
    case "inject":
      return injectedBefore(pod) ? rekeySidecar(pod, request.uuid) : inject(pod, request, decision.annotations);
  }
}

function withoutSidecar({ reason }: { readonly reason: string }): string {
  return `this pod gets no sidecar and is not in the mesh: ${reason}`;
}

function inject(
  pod: PodView,
  request: InjectionRequest,
  announced: Readonly<Record<string, string>>,
): InjectionOutcome {
  const { mesh, uuid } = request;
  const native = chooseNative(pod, request);
  const images = chooseImages(pod, request);
  const exclusions = readExclusions(pod.annotations, mesh);
  const probes = rewriteProbes(pod.containers, native.value);
  const problems = [
    ...nameConflicts(pod),
    ...native.problems,
    ...images.problems,
    ...exclusions.problems,
    ...probes.problems,
  ];
  if (problems.length > 0) return { kind: "refuse", reason: problems.slice(0, MOST_PROBLEMS).join("; ") };
  const annotations = {
    ...announced,
    ...recordInjected(mesh, pod.windows ? "windows" : "linux"),
    ...recordProbes(probes.plan),
  };
  const start: SidecarStart = { serviceAccount: pod.serviceAccount, probes: probes.plan, native: native.value };
  return {
    kind: "inject",
    start,
    patch: [
      // These name containers by their place, so they come before any is added.
      ...probes.patch,
      ...setEntries("/metadata/annotations", pod.written.annotations, annotations),
      ...setEntries("/metadata/labels", pod.written.labels, { [PROXY_UUID_LABEL]: uuid }),
      ...addItems("/spec/volumes", pod.written.volumes, [
        { name: BOOTSTRAP_VOLUME, secret: { secretName: bootstrapSecretName(uuid) } },
      ]),
      ...addContainers(pod, request, { start, images, exclusions: exclusions.lists }),
    ],
    warnings: [
      ...native.warnings,
      ...exclusions.warnings,
      ...probes.warnings,
      ...surprises(pod, native.value),
      ...overwritten(pod, announced),
    ],
  };
}

/** Reasons beyond these are more of the same. */
const MOST_PROBLEMS = 8;

interface Parts {
  readonly start: SidecarStart;
  readonly images: Images;
  readonly exclusions: ReturnType<typeof readExclusions>["lists"];
}

/**
 * A native sidecar stands before the author's init containers, with the redirection, so that these are in the mesh.
 * Otherwise the redirection stands after them: they would be led to a proxy that does not run yet.
 */
function addContainers(
  pod: PodView,
  { mesh, settings }: InjectionRequest,
  { start: { serviceAccount, probes, native }, images, exclusions }: Parts,
): readonly PatchOperation[] {
  const { sidecar } = mesh;
  const envoy = buildSidecarContainer({
    image: images.envoy,
    sidecar,
    serviceCluster: `${serviceAccount}.${pod.namespace}`,
    workload: workloadOf(pod.owner),
    probes,
    windows: pod.windows,
    native,
  });
  // On Windows a plugin of the container network leads connections to the proxy.
  const init = pod.windows
    ? []
    : [buildInitContainer({ image: images.init, pullPolicy: settings.initPullPolicy, sidecar, exclusions, probes })];
  const { initContainers, containers } = pod.written;
  if (native) return addItems("/spec/initContainers", initContainers, [...init, envoy], "first");
  return [
    ...addItems("/spec/initContainers", initContainers, init),
    ...addItems("/spec/containers", containers, [envoy]),
  ];
}

function overwritten({ annotations }: PodView, announced: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(announced)
    .filter(([name, value]) => annotations[name] !== undefined && annotations[name] !== value)
    .map(([name, value]) => `annotation ${name} is now "${value}": the namespace has metrics of sidecars enabled`);
}
