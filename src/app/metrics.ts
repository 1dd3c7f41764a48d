/**
 * What the metrics read of the control plane.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import type { CertificateCounts } from "../telemetry/certificate-metrics.ts";
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
    certificates: () => certificatesOf(plane()),
    providers: () => (plane()?.providers() ?? []).map(({ name, outage }) => ({ name, out: outage?.lasted })),
    rotation: () => rotationOf(plane()),
    findings: () => plane()?.engine.findings() ?? [],
  });
}

function rotationOf(plane: ControlPlane | undefined): { readonly phase: string; readonly laggards: number } {
  const progress = plane?.rotation.progress();
  return { phase: progress?.record.phase ?? "steady", laggards: progress?.laggards.length ?? 0 };
}

function certificatesOf(plane: ControlPlane | undefined): CertificateCounts {
  if (plane === undefined) return { left: [], overdue: 0, expired: 0 };
  const { left, alarms, expired } = plane.watch();
  return { left, overdue: alarms.filter(({ kind }) => kind !== "skewed").length, expired };
}

function certificateEnds(plane: ControlPlane | undefined): readonly Millis[] {
  return plane === undefined ? [] : [plane.rootEnds(), ...plane.leaves.all().map(({ leaf }) => leaf.notAfter)];
}
