/**
 * A pod that has a sidecar already, such as a copy made by `kubectl debug --copy-to`: it gets an identity of its own.
 *
 * Only that. What else was done to it at its first injection stands, and the author may have changed it since.
 *
 * @module
 */
import { PROXY_UUID_LABEL } from "../model/pod.ts";
import { pointer, setEntries } from "./json-patch.ts";
import { ANNOTATIONS, BOOTSTRAP_VOLUME, bootstrapSecretName, ENVOY_CONTAINER } from "./names.ts";
import type { InjectionOutcome } from "./outcome.ts";
import type { PodView } from "./pod-view.ts";
import { readRecordedProbes } from "./probe-record.ts";

/** @param pod - One that has both our volume and our container. */
export function rekeySidecar(pod: PodView, uuid: string): InjectionOutcome {
  const volume = pod.volumes.findIndex(({ name }) => name === BOOTSTRAP_VOLUME);
  if (pod.volumes[volume]?.secretName === undefined)
    return { kind: "refuse", reason: `volume "${BOOTSTRAP_VOLUME}" names no Secret: remove it, and the sidecar` };
  const probes = readRecordedProbes(pod.annotations);
  if (probes === undefined)
    return {
      kind: "refuse",
      reason: `annotation ${ANNOTATIONS.probes} cannot be read: remove it and all that was injected`,
    };
  const envoy = pod.containers.find(({ name }) => name === ENVOY_CONTAINER);
  return {
    kind: "inject",
    start: { serviceAccount: pod.serviceAccount, probes, native: envoy?.native === true },
    patch: [
      ...setEntries("/metadata/labels", pod.written.labels, { [PROXY_UUID_LABEL]: uuid }),
      {
        op: "replace",
        path: pointer("spec", "volumes", volume, "secret", "secretName"),
        value: bootstrapSecretName(uuid),
      },
    ],
    warnings: [],
  };
}
