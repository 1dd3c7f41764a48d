/**
 * What keeps a pod from getting a sidecar, and what its author should know of one that gets it.
 *
 * @module
 */
import { BOOTSTRAP_VOLUME, ENVOY_CONTAINER, ENVOY_UID, INIT_CONTAINER, RESERVED_PORTS } from "./names.ts";
import type { PodView } from "./pod-view.ts";

/** How far a pod that comes to the webhook is injected already; what is ours and what only has our names. */
export function injectedBefore({ containers, volumes }: PodView): boolean {
  return (
    volumes.some(({ name }) => name === BOOTSTRAP_VOLUME) &&
    containers.some(({ name, mounts }) => name === ENVOY_CONTAINER && mounts.includes(BOOTSTRAP_VOLUME))
  );
}

/** Names of the sidecar's that the author took. Nothing of theirs is overwritten, so the pod is refused. */
export function nameConflicts({ containers, volumes }: PodView): readonly string[] {
  const taken = containers.filter(({ name }) => name === ENVOY_CONTAINER || name === INIT_CONTAINER);
  return [
    ...taken.map(({ name }) => `container "${name}" has the name of the sidecar's own: give it another name`),
    ...volumes
      .filter(({ name }) => name === BOOTSTRAP_VOLUME)
      .map(({ name }) => `volume "${name}" has the name of the sidecar's own: give it another name`),
  ];
}

export function surprises(pod: PodView, native: boolean): readonly string[] {
  const { containers, restartPolicy } = pod;
  const ofContainers = containers.flatMap(({ name, ports, runAsUser, hooks }) => [
    ...ports
      .filter(({ port }) => RESERVED_PORTS.includes(port))
      .map(({ port }) => `container ${name} has port ${port}, which its sidecar needs: it cannot listen there`),
    ...(runAsUser === ENVOY_UID
      ? [`container ${name} runs as user ${ENVOY_UID}, as the sidecar does: its connections go past the mesh`]
      : []),
    ...hooks.map(
      (hook) => `container ${name}: the ${hook} hook connects without mutual TLS, which the sidecar refuses`,
    ),
  ]);
  const neverEnds = restartPolicy !== "Always" && !native;
  return [
    ...ofContainers,
    ...(neverEnds ? ["the sidecar is an ordinary container, so the pod goes on when its own containers are done"] : []),
  ];
}
