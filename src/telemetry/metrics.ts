/**
 * Metrics of the control plane in Prometheus' text format: OSM's names where OSM had them (platform spec 7.1).
 *
 * What others count already is read when somebody scrapes; what happens in an instant is told through `Metrics`.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { FINDINGS, type Finding } from "../core/base/finding.ts";
import type { Millis } from "../core/base/millis.ts";
import { type CertificateSources, registerCertificates } from "./certificate-metrics.ts";
import { readCounter, readCounters, readGauge } from "./reads.ts";

/** Read at each scrape. Totals never shrink. */
export interface MetricSources extends CertificateSources {
  readonly version: { readonly version: string; readonly gitCommit: string; readonly buildDate: string };
  connectedProxies(): number;
  proxiesInSync(): number;
  monitoredNamespaces(): number;
  /** Resources told to proxies, by type. */
  sent(): Readonly<Record<string, number>>;
  /** Refusals by proxies, by type. */
  rejected(): Readonly<Record<string, number>>;
  /** Times that a proxy was refused for `maxDataPlaneConnections`. */
  overLimit(): number;
  findings(): readonly Finding[];
}

export interface Metrics {
  /** Of `text()`. */
  readonly contentType: string;
  text(): Promise<string>;
  compiled(end: { readonly ok: boolean; readonly duration: Millis }): void;
  webhookAnswered(answer: { readonly kind: string; readonly success: boolean }): void;
  certificateIssued(duration: Millis): void;
  /** `path`: a route's pattern. What clients choose must not become a label. */
  httpAnswered(answer: {
    readonly method: string;
    readonly path: string;
    readonly code: number;
    readonly duration: Millis;
  }): void;
  /** `type`: such as `pod-added`. */
  apiEvent(event: { readonly type: string; readonly namespace: string }): void;
  reconciled(kind: string): void;
}

const SLOW_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 90];
/** OSM's start at 0.1 s, by which time we are done: finer ones come before them. */
const FINE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, ...SLOW_BUCKETS];
const HTTP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SECOND: Millis = 1000;

/** Each call has a registry of its own. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  registerReads(sources, registers);
  registerCertificates(sources, registers);
  registerFindings(sources, registers);
  registerVersion(sources, registers);
  registerProcess(registers);
  const events = registerEvents(registers);
  const { compile, webhook, issued, issueTime, answers, answerTime, apiEvents, broadcasts, failures, reconciled } =
    events;
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    compiled({ ok, duration }) {
      compile.observe({ resource_type: "ADS", success: String(ok) }, duration / SECOND);
      if (ok) broadcasts.inc();
      else failures.inc();
    },
    webhookAnswered: ({ kind, success }) => webhook.inc({ kind, success: String(success) }),
    certificateIssued(duration) {
      issued.inc();
      issueTime.observe(duration / SECOND);
    },
    httpAnswered({ method, path, code, duration }) {
      const labels = { code: String(code), method, path };
      answers.inc(labels);
      answerTime.observe(labels, duration / SECOND);
    },
    apiEvent: (event) => apiEvents.inc({ ...event }),
    reconciled: (kind) => reconciled.inc({ kind }),
  };
}

function registerReads(sources: MetricSources, registers: Registry[]): void {
  const gauge = (name: string, help: string, read: () => number): void => readGauge({ name, help, registers, read });
  gauge("osm_proxy_connect_count", "Proxies connected to this replica", () => sources.connectedProxies());
  gauge("osm_proxy_in_sync_count", "Proxies that accepted all that they should have", () => sources.proxiesInSync());
  gauge("osm_resource_namespace_count", "Namespaces in the mesh", () => sources.monitoredNamespaces());
  readCounter({
    name: "osm_proxy_max_connections_rejected",
    help: "Refusals of proxies beyond sidecar.maxDataPlaneConnections",
    registers,
    read: () => sources.overLimit(),
  });
  readCounters({
    name: "osm_proxy_resources_sent_total",
    help: "Resources told to proxies, removals included",
    registers,
    read: () => sources.sent(),
  });
  readCounters({
    name: "osm_proxy_rejections_total",
    help: "Configurations that a proxy refused",
    registers,
    read: () => sources.rejected(),
  });
}

function registerFindings(sources: MetricSources, registers: Registry[]): void {
  new Gauge({
    name: "osm_findings",
    help: "What is wrong with the mesh's objects now, by code",
    labelNames: ["code", "severity"],
    registers,
    collect() {
      this.reset();
      for (const [code, group] of Map.groupBy(sources.findings(), (one) => one.code)) {
        this.set({ code, severity: FINDINGS[code].severity }, group.length);
      }
    },
  });
}

function registerVersion({ version }: MetricSources, registers: Registry[]): void {
  new Gauge({
    name: "osm_version_info",
    help: "Always 1; the labels say which build this is",
    labelNames: ["version", "build_date", "git_commit"],
    registers,
  }).set({ version: version.version, build_date: version.buildDate, git_commit: version.gitCommit }, 1);
}

function registerProcess(registers: Registry[]): void {
  const startedAt = Date.now() / SECOND - process.uptime();
  new Gauge({
    name: "process_start_time_seconds",
    help: "When this process began, as Unix time",
    registers,
  }).set(startedAt);
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Memory that this process holds",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time that this process used",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / MICROS);
    },
  });
}

const MICROS = 1_000_000;

function registerEvents(registers: Registry[]) {
  const counter = <L extends string>(name: string, help: string, ...labelNames: readonly L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers });
  return {
    compile: new Histogram({
      name: "osm_proxy_config_update_time",
      help: "Seconds that it took to compute the configuration of all proxies",
      labelNames: ["resource_type", "success"],
      buckets: FINE_BUCKETS,
      registers,
    }),
    broadcasts: counter("osm_proxy_broadcast_event_count", "Compiles that were published"),
    failures: counter("osm_compile_failures_total", "Compiles that failed: each is a bug of the control plane"),
    webhook: counter("osm_admission_webhook_response_total", "Admission webhook answers", "kind", "success"),
    issued: counter("osm_cert_issued_count", "Certificates issued"),
    issueTime: new Histogram({
      name: "osm_cert_issued_time",
      help: "Seconds that it took to issue a certificate",
      buckets: FINE_BUCKETS,
      registers,
    }),
    answers: counter("osm_http_response_total", "HTTP answers", "code", "method", "path"),
    answerTime: new Histogram({
      name: "osm_http_response_duration",
      help: "Seconds that HTTP answers took",
      labelNames: ["code", "method", "path"],
      buckets: HTTP_BUCKETS,
      registers,
    }),
    apiEvents: counter("osm_k8s_api_event_count", "Changes told by the Kubernetes API", "type", "namespace"),
    reconciled: counter("osm_reconciliation_total", "Objects of ours that were put right again", "kind"),
  };
}
