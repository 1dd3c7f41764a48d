/**
 * Health, version and metrics: open to everybody who can reach the port, so nothing secret is in them.
 *
 * @module
 */
import { Hono } from "hono";
import type { HealthReport } from "./readiness.ts";

export interface VersionInfo {
  readonly version: string;
  readonly gitCommit: string;
  /** ISO 8601. */
  readonly buildDate: string;
  /** What runs it, such as `bun 1.4.5`. */
  readonly runtime: string;
}

/** Text in Prometheus' format. */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

export interface HealthDeps {
  readonly version: VersionInfo;
  /** Answers from memory, at once. */
  readonly health: () => HealthReport;
  readonly metrics: MetricsText;
  /** Told of what a handler threw. */
  readonly onError: (error: Error) => void;
}

/** The SMI versions that are in force, for `osm mesh list` of OSM (platform spec 6.1). */
const SMI_VERSIONS = {
  HTTPRouteGroup: "specs.smi-spec.io/v1alpha4",
  TCPRoute: "specs.smi-spec.io/v1alpha4",
  TrafficSplit: "split.smi-spec.io/v1alpha2",
  TrafficTarget: "access.smi-spec.io/v1alpha3",
} as const;
const NOT_READY = 503;

/** Port 9091. `/healthz` is what OSM's injector and bootstrap answered to. */
export function healthRoutes({ version, health, metrics, onError }: HealthDeps): Hono {
  const app = new Hono()
    .get("/health/alive", (c) => c.json({ alive: true }))
    .get("/healthz", (c) => c.json({ alive: true }))
    .get("/health/ready", (c) => {
      const { reasons, warnings } = health();
      const ready = reasons.length === 0;
      return c.json({ ready, reasons, warnings }, ready ? 200 : NOT_READY);
    })
    .get("/version", (c) =>
      // OSM's names, and ours.
      c.json({
        version: version.version,
        git_commit: version.gitCommit,
        build_date: version.buildDate,
        runtime: version.runtime,
      }),
    )
    .get("/smi/version", (c) => c.json(SMI_VERSIONS))
    .get("/metrics", async (c) => c.body(await metrics.text(), 200, { "content-type": metrics.contentType }));
  app.onError((error, c) => {
    onError(error);
    return c.text("the control plane could not answer: its log says why", 500);
  });
  return app;
}
