/**
 * The server of health, version and metrics.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { healthRoutes } from "../http/health.ts";
import type { HealthReport } from "../http/readiness.ts";
import { startHttpServer } from "../platform/http-server.ts";
import type { Logger } from "../telemetry/logger.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { ListenAddress } from "./cluster-options.ts";
import type { BuildInfo } from "./version.ts";

const GRACE: Millis = 1000;

export interface HealthServerOptions {
  readonly address: ListenAddress;
  readonly version: BuildInfo;
  readonly health: () => HealthReport;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Returns how to stop it. */
export async function serveHealth({
  address,
  version,
  health,
  metrics,
  log,
}: HealthServerOptions): Promise<() => Promise<void>> {
  const onError = (error: unknown) => log.error("a health request could not be answered", { error: String(error) });
  const app = healthRoutes({ version, health, metrics, onError });
  const server = await startHttpServer({ fetch: (request) => app.fetch(request), listen: address, onError });
  return () => server.stop(GRACE);
}
