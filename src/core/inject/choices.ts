/**
 * What an operator may choose about a sidecar, and where: on the pod, its namespace, the MeshConfig or the cluster.
 *
 * @module
 */
import { ANNOTATIONS } from "./names.ts";
import type { InjectionRequest } from "./outcome.ts";
import type { PodView } from "./pod-view.ts";
import { readSwitch, wrongSwitch } from "./switch.ts";

export interface Choice<T> {
  readonly value: T;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

export interface Images {
  readonly envoy: string;
  readonly init: string;
}

/** The pod's annotation, else its namespace's, else native wherever the cluster can. */
export function chooseNative(
  pod: PodView,
  { namespace, settings: { nativeSidecars } }: InjectionRequest,
): Choice<boolean> {
  const name = ANNOTATIONS.nativeSidecar;
  const given = [
    { whose: "pod", annotations: pod.annotations },
    { whose: `namespace ${namespace.name}`, annotations: namespace.annotations },
  ].find(({ annotations }) => annotations[name] !== undefined);
  const asked = given === undefined ? undefined : readSwitch(given.annotations, name);
  return {
    value: nativeSidecars && asked !== false,
    problems:
      given !== undefined && asked === "invalid" ? [`${given.whose}: ${wrongSwitch(given.annotations, name)}`] : [],
    warnings:
      asked === true && !nativeSidecars
        ? [`annotation ${name}: this cluster cannot run native sidecars; the sidecar is an ordinary container`]
        : [],
  };
}

export function chooseImages(
  { windows }: PodView,
  { mesh: { sidecar }, settings }: InjectionRequest,
): Images & { readonly problems: readonly string[] } {
  const field = windows ? "envoyWindowsImage" : "envoyImage";
  const envoy = sidecar[field] || settings[field];
  const init = sidecar.initContainerImage || settings.initImage;
  const missing = [...(envoy === "" ? [field] : []), ...(init === "" && !windows ? ["initContainerImage"] : [])];
  return {
    envoy,
    init,
    problems: missing.map((name) => `there is no image to inject: set spec.sidecar.${name} of the MeshConfig`),
  };
}
