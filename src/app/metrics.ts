/**
 * What the metrics read of the control plane.
 *
 * @module
 */
import { watch } from "../ca/watchdog.ts";
import type { Millis } from "../core/base/millis.ts";
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { BuildInfo } from "./version.ts";

/** @param plane - undefined until there is one: metrics are served before. */
export function metricsOf(version: BuildInfo, plane: () => ControlPlane | undefined): Metrics {
  return createMetrics({
    version,
    connectedProxies: () => plane()?.engine.connectedCount() ?? 0,
    proxiesInSync: () =>
      plane()
        ?.engine.proxies()
        .filter(({ inSync }) => inSync).length ?? 0,
    monitoredNamespaces: () => plane()?.engine.loop.store.snapshot().objects.Namespace.size ?? 0,
    sent: () => plane()?.engine.sent() ?? {},
    rejected: () => plane()?.engine.rejected() ?? {},
    overLimit: () => plane()?.engine.overLimit() ?? 0,
    certificateEnds: () => certificateEnds(plane()),
    certificatesLeft: () => watch(plane()?.watched() ?? [], Date.now()).left,
    certificatesExpired: () => watch(plane()?.watched() ?? [], Date.now()).expired,
    rotation: () => rotationOf(plane()),
    findings: () => plane()?.engine.findings() ?? [],
  });
}

function rotationOf(plane: ControlPlane | undefined): { readonly phase: string; readonly laggards: number } {
  const progress = plane?.rotation.progress();
  return { phase: progress?.record.phase ?? "steady", laggards: progress?.laggards.length ?? 0 };
}

function certificateEnds(plane: ControlPlane | undefined): readonly Millis[] {
  return plane === undefined ? [] : [plane.rootEnds(), ...plane.leaves.all().map(({ leaf }) => leaf.notAfter)];
}
