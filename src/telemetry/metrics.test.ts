import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Finding, finding } from "../core/base/finding.ts";
import { createMetrics, type MetricSources } from "./metrics.ts";

const ROUTE = { kind: "TrafficTarget", namespace: "shop", name: "a" };

function sources(overrides: Partial<MetricSources> = {}): MetricSources {
  return {
    version: { version: "2.0.0", gitCommit: "abc", buildDate: "2026-11-23T00:00:00Z" },
    connectedProxies: () => 3,
    proxiesInSync: () => 2,
    monitoredNamespaces: () => 4,
    sent: () => ({ cluster: 7 }),
    rejected: () => ({ listener: 1 }),
    overLimit: () => 5,
    certificates: () => ({ left: [["service", 60_000]], overdue: 2, expired: 1 }),
    providers: () => [
      { name: "vault", out: 90_000 },
      { name: "builtin", out: undefined },
    ],
    rotation: () => ({ phase: "issuing", laggards: 7 }),
    certificateEnds: () => [2_000_000, 1_000_000],
    findings: () => [],
    ...overrides,
  };
}

describe("metrics", () => {
  it("have OSM's names and labels", async () => {
    const metrics = createMetrics(sources());
    metrics.compiled({ ok: true, duration: 30 });
    metrics.compiled({ ok: false, duration: 200_000 });
    metrics.webhookAnswered({ kind: "Pod", success: true });
    metrics.certificateIssued(3);
    metrics.httpAnswered({ method: "get", path: "/api/v1/status", code: 200, duration: 6 });
    metrics.apiEvent({ type: "pod-added", namespace: "shop" });
    metrics.reconciled("MutatingWebhookConfiguration");
    const text = await metrics.text();
    for (const line of [
      "osm_proxy_connect_count 3",
      "osm_proxy_in_sync_count 2",
      "osm_resource_namespace_count 4",
      'osm_proxy_config_update_time_bucket{le="0.05",resource_type="ADS",success="true"} 1',
      'osm_proxy_config_update_time_bucket{le="90",resource_type="ADS",success="false"} 0',
      'osm_proxy_config_update_time_sum{resource_type="ADS",success="false"} 200',
      "osm_proxy_broadcast_event_count 1",
      "osm_compile_failures_total 1",
      'osm_admission_webhook_response_total{kind="Pod",success="true"} 1',
      "osm_cert_issued_count 1",
      "osm_cert_issued_time_sum 0.003",
      'osm_http_response_total{code="200",method="get",path="/api/v1/status"} 1',
      'osm_http_response_duration_bucket{le="0.01",code="200",method="get",path="/api/v1/status"} 1',
      'osm_k8s_api_event_count{type="pod-added",namespace="shop"} 1',
      'osm_version_info{version="2.0.0",build_date="2026-11-23T00:00:00Z",git_commit="abc"} 1',
      'osm_reconciliation_total{kind="MutatingWebhookConfiguration"} 1',
      'osm_proxy_resources_sent_total{resource_type="cluster"} 7',
      'osm_proxy_rejections_total{resource_type="listener"} 1',
      "osm_cert_soonest_end_seconds 1000",
      "osm_proxy_max_connections_rejected 5",
      'osm_certificate_seconds_to_expiry{class="service"} 60',
      "osm_certificates_overdue 2",
      "osm_certificates_expired 1",
      'osm_certificate_provider_up{provider="vault"} 0',
      'osm_certificate_provider_up{provider="builtin"} 1',
      'osm_certificate_provider_outage_seconds{provider="vault"} 90',
      'osm_certificate_provider_outage_seconds{provider="builtin"} 0',
      'osm_root_rotation_phase{phase="issuing"} 1',
      'osm_root_rotation_phase{phase="steady"} 0',
      "osm_root_rotation_laggards 7",
    ]) {
      assert.ok(text.split("\n").includes(line), `${line}\nis not in\n${text}`);
    }
    assert.match(metrics.contentType, /^text\/plain; version=0\.0\.4/);
  });

  it("read what others count at each scrape, and forget what is no more", async () => {
    let findings: readonly Finding[] = [
      finding("target-rules-empty", ROUTE, "", "has no rules"),
      finding("target-rules-empty", { ...ROUTE, name: "b" }, "", "has no rules"),
    ];
    let sent = 7;
    const metrics = createMetrics(sources({ findings: () => findings, sent: () => ({ cluster: sent }) }));
    assert.match(await metrics.text(), /osm_findings\{code="target-rules-empty",severity="error"\} 2/);
    [findings, sent] = [[], 9];
    const text = await metrics.text();
    assert.doesNotMatch(text, /osm_findings\{/);
    assert.match(text, /osm_proxy_resources_sent_total\{resource_type="cluster"\} 9\n/);
  });

  it("say how this process does", async () => {
    const text = await createMetrics(sources()).text();
    const sampleOf = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
    assert.ok(sampleOf("process_resident_memory_bytes") > 1_000_000);
    assert.ok(sampleOf("process_cpu_seconds_total") > 0);
    assert.ok(Math.abs(sampleOf("process_start_time_seconds") - Date.now() / 1000) < 3600);
  });

  it("keep separate counts in separate registries", async () => {
    createMetrics(sources()).certificateIssued(1);
    assert.match(await createMetrics(sources()).text(), /osm_cert_issued_count 0/);
  });
});
