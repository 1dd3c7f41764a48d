/**
 * What the metrics read of the control plane.
 *
 * @module
 */
import { createMetrics, type Metrics } from "../telemetry/metrics.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { BuildInfo } from "./version.ts";

/** @param plane - The control plane, once there is one: metrics are made before it. */
export function metricsOf(version: BuildInfo, plane: () => ControlPlane): Metrics {
  return createMetrics({
    version,
    connectedProxies: () =>
      plane()
        .engine.proxies()
        .filter(({ connected }) => connected).length,
    proxiesInSync: () =>
      plane()
        .engine.proxies()
        .filter(({ inSync }) => inSync).length,
    monitoredNamespaces: () => plane().engine.loop.store.snapshot().objects.Namespace.size,
    sent: () => plane().engine.sent(),
    rejected: () => plane().engine.rejected(),
    certificateEnds: () => leafEnds(plane()),
    findings: () => plane().engine.findings(),
  });
}

function leafEnds({ engine, leaves }: ControlPlane): readonly number[] {
  return engine
    .proxies()
    .flatMap(({ namespace, serviceAccount: name }) => leaves.current({ namespace, name })?.notAfter ?? []);
}
