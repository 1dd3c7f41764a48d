/**
 * What real Envoys tell: access logs by Telemetry, to a collector too, traces to a Zipkin server, and golden signals to a
 * Prometheus server.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { TestMesh } from "../support/mesh.ts";
import { accessLines, collector, observabilityConfig, telemetry } from "../support/observability.ts";
import type { OtlpRecord } from "../support/otlp-sink.ts";
import { prometheusObstacle, prometheusProgram, zipkinCommand, zipkinObstacle } from "../support/products.ts";
import { app, client, type Manifest, namespace, service } from "../support/workloads.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const BUN = join(ROOT, "node_modules/.bin/bun");
const SINK = [BUN, join(ROOT, "test/support/otlp-sink.ts"), "4317"];

const BUYER = "shop/buyer";
const OBSERVER = "monitoring/observer";
const WEB = "http://web.shop:8080";
const SOON = 10_000;
const ZIPKIN_START = 90_000;

/** OSM's nineteen. */
const DEFAULT_KEYS =
  "authority bytes_received bytes_sent duration method path protocol request_id requested_server_name response_code " +
  "response_code_details response_flags start_time time_to_first_byte upstream_cluster upstream_host " +
  "upstream_service_time user_agent x_forwarded_for";

const ZIPKIN = { enable: true, address: "zipkin.monitoring.svc.cluster.local" };

const MANIFESTS = [
  namespace("shop"),
  namespace("bank"),
  namespace("monitoring", "outside"),
  observabilityConfig({ enable: false }),
  ...app({ namespace: "shop", name: "web", run: { app: ["http-echo", "--port", "8080"] }, port: 8080 }),
  service({ namespace: "shop", name: "web" }, [{ port: 8080, appProtocol: "http" }]),
  service({ namespace: "shop", name: "ghost" }, [{ port: 8080, appProtocol: "http" }]),
  ...app({
    namespace: "shop",
    name: "buyer",
    run: { command: ["sleep", "infinity"] },
    annotations: { "prometheus.io/scrape": "true" },
  }),
  ...client({ namespace: "monitoring", name: "observer" }),
  ...app({ namespace: "monitoring", name: "otel", run: { command: SINK }, port: 4317 }),
  service({ namespace: "monitoring", name: "otel" }, [
    { name: "grpc", port: 4317 },
    { name: "http", port: 4318 },
  ]),
];

describe("observability", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS);
  });
  after(() => mesh?.stop());

  /** Requests until a line of `pod` fits that is of one of them; a changed format holds from a moment later. */
  async function lineOf(pod: string, path: string, fits: (line: string) => boolean): Promise<string> {
    let found: string | undefined;
    await mesh.eventually(`a line of ${pod} for ${path}`, SOON, async () => {
      await mesh.get(BUYER, `${WEB}${path}`);
      found = (await accessLines(mesh, pod)).find((line) => line.includes(path.split("?")[0] ?? "") && fits(line));
      assert.ok(found !== undefined, (await accessLines(mesh, pod)).slice(-3).join("\n"));
    });
    return found ?? "";
  }

  /** The whole body of an answer, however long. */
  async function bodyOf(pod: string, url: string): Promise<string> {
    const { code, stdout, stderr } = await mesh.exec(pod, BUN, "-e", FETCH, url);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  const isJson = (line: string) => line.startsWith("{");

  describe("access logs", () => {
    it("L1: are JSON of OSM's nineteen keys by default, on both sides of a call", async () => {
      for (const pod of [BUYER, "shop/web"]) {
        const line = JSON.parse(await lineOf(pod, "/default", isJson)) as Record<string, unknown>;
        assert.equal(Object.keys(line).join(" "), DEFAULT_KEYS);
        assert.equal(line["method"], "GET");
        assert.equal(line["response_code"], 200);
      }
    });

    it("L1: are a text as a Telemetry of the namespace has it, without the query where that is asked for", async () => {
      const format = "%REQ(:METHOD)% %REQ_WITHOUT_QUERY(:PATH)% %RESPONSE_CODE%";
      await mesh.apply(telemetry("shop/text", { accessLog: { format } }));
      for (const pod of [BUYER, "shop/web"]) {
        const line = await lineOf(pod, "/text?secret=1", (one) => !isJson(one));
        assert.equal(line, "GET /text 200");
      }
    });

    it("L1: are JSON as a Telemetry for the pod has it, which others do not see", async () => {
      const format = JSON.stringify({ z: "%RESPONSE_CODE%", a: { path: "%REQ(:PATH)%", fixed: 1 } });
      await mesh.apply(telemetry("shop/json", { selector: { app: "web" }, accessLog: { format } }));
      const line = await lineOf("shop/web", "/json", isJson);
      assert.equal(line, '{"a":{"fixed":1,"path":"/json"},"z":200}');
      assert.equal(await lineOf(BUYER, "/json", () => true), "GET /json 200");
      await mesh.delete(telemetry("shop/json", {}), telemetry("shop/text", {}));
    });

    it("L1: are not changed by a Telemetry of another namespace that selects the pod", async () => {
      await mesh.apply(
        telemetry("bank/thief", { selector: { app: "web" }, accessLog: { format: "stolen %REQ(:PATH)%" } }),
        telemetry("osm-system/everywhere", { accessLog: { format: "global %REQ(:PATH)%" } }),
      );
      assert.equal(await lineOf("shop/web", "/mine", (line) => line.startsWith("global")), "global /mine");
      assert.ok(!(await accessLines(mesh, "shop/web")).some((line) => line.startsWith("stolen")));
      await mesh.delete(telemetry("bank/thief", {}), telemetry("osm-system/everywhere", {}));
    });

    for (const [protocol, port] of [
      ["h2c", 4317],
      ["http1", 4318],
    ] as const) {
      it(`L1: go to a collector by an ExtensionService of ${protocol}, the same line with its attributes`, async () => {
        const path = `/${protocol}`;
        const host = "otel.monitoring.svc.cluster.local";
        const openTelemetry = {
          extensionService: { namespace: "monitoring", name: "otel" },
          attributes: { method: "%REQ(:METHOD)%" },
        };
        await mesh.apply(
          collector("monitoring/otel", { host, port, protocol }),
          telemetry("shop/otel", { accessLog: { format: "told %REQ(:PATH)% %RESPONSE_CODE%", openTelemetry } }),
        );
        await mesh.eventually("the collector is told", SOON, async () => {
          await mesh.get(BUYER, `${WEB}${path}`);
          const records = JSON.parse(
            await bodyOf(OBSERVER, "http://otel.monitoring:4318/records"),
          ) as readonly OtlpRecord[];
          const mine = records.filter(({ body }) => body === `told ${path} 200`);
          assert.deepEqual(new Set(mine.map(({ attributes }) => attributes["method"])), new Set(["GET"]));
          const tellers = new Set(mine.map(({ resource }) => resource["cluster_name"]));
          assert.deepEqual([...tellers].sort(), ["buyer.shop", "web.shop"]);
          assert.equal(mine[0]?.resource["log_name"], `${host}.${port}`);
        });
        assert.equal(await lineOf("shop/web", path, (line) => line.startsWith("told")), `told ${path} 200`);
        await mesh.delete(telemetry("shop/otel", {}));
      });
    }
  });

  describe("traces", () => {
    const obstacle = zipkinObstacle();
    it("Z1: reach a Zipkin server, under service names of both sides", { skip: obstacle ?? false }, async () => {
      const run = { command: await zipkinCommand() };
      await mesh.apply(
        ...app({ namespace: "monitoring", name: "zipkin", run, port: 9411 }),
        service({ namespace: "monitoring", name: "zipkin" }, [{ port: 9411 }]),
        observabilityConfig(ZIPKIN),
      );
      await mesh.ready(ZIPKIN_START);
      await mesh.eventually("a trace of both sides", 20_000, async () => {
        await mesh.get(BUYER, `${WEB}/traced`);
        const url = "http://zipkin.monitoring:9411/api/v2/traces?serviceName=web.shop&limit=1";
        const [trace = []] = JSON.parse(await bodyOf(OBSERVER, url)) as readonly (readonly Span[])[];
        const names = new Set(trace.map(({ localEndpoint }) => localEndpoint?.serviceName));
        assert.deepEqual([...names].sort(), ["buyer.shop", "web.shop"]);
        assert.ok(trace.some(({ tags }) => tags?.["http.url"]?.endsWith("/traced")));
      });
    });

    it("Z1: are begun for the share of requests that is asked for", async () => {
      for (const [sampling, sampled] of [
        [0, "0"],
        [100, "1"],
      ] as const) {
        await mesh.apply(observabilityConfig({ ...ZIPKIN, sampling }));
        await mesh.eventually(`x-b3-sampled is ${sampled}`, SOON, async () => {
          assert.equal((await echoedHeaders("/sampled"))["x-b3-sampled"], sampled);
        });
      }
      await mesh.apply(observabilityConfig({ enable: false }));
      await mesh.eventually("nothing is traced", SOON, async () => {
        assert.equal((await echoedHeaders("/untraced"))["x-b3-sampled"], undefined);
      });
    });
  });

  /** As the application saw them. */
  async function echoedHeaders(path: string): Promise<Readonly<Record<string, string>>> {
    return JSON.parse((await mesh.get(BUYER, `${WEB}${path}`)).body).headers;
  }

  describe("metrics", () => {
    const obstacle = prometheusObstacle();
    const folder = mkdtempSync(join(tmpdir(), "osm-prometheus-"));
    after(() => rmSync(folder, { recursive: true, force: true }));

    async function prometheus(): Promise<readonly Manifest[]> {
      const { pods } = await mesh.status();
      const buyer = pods.find(({ namespace: ns, name }) => ns === "shop" && name.startsWith("buyer"));
      writeFileSync(join(folder, "prometheus.json"), scrapeConfig(`${buyer?.ip}:15010`));
      const command = [
        await prometheusProgram(),
        `--config.file=${join(folder, "prometheus.json")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        "--web.listen-address=0.0.0.0:9090",
      ];
      return [
        ...app({ namespace: "monitoring", name: "prometheus", run: { command }, port: 9090 }),
        service({ namespace: "monitoring", name: "prometheus" }, [{ port: 9090 }]),
      ];
    }

    async function query(promql: string): Promise<readonly Sample[]> {
      const url = `http://prometheus.monitoring:9090/api/v1/query?query=${encodeURIComponent(promql)}`;
      return (JSON.parse(await bodyOf(OBSERVER, url)) as { readonly data: { readonly result: readonly Sample[] } }).data
        .result;
    }

    it("M1: a Prometheus server sees the rate of requests", { skip: obstacle ?? false }, async () => {
      await mesh.apply(...(await prometheus()));
      await mesh.ready();
      const load = mesh.load(BUYER, { url: `${WEB}/rate`, perSecond: 1, seconds: 25 });
      const of = 'envoy_cluster_name="shop/web|8080",envoy_response_code_class="2"';
      await mesh.eventually("about one a second", 25_000, async () => {
        const [sample] = await query(`irate(envoy_cluster_upstream_rq_xx{${of}}[30s])`);
        const rate = Number(sample?.value[1]);
        assert.ok(rate > 0.7 && rate < 1.3, `${rate} a second`);
      });
      await load;
    });

    it("M2: it sees each pair of workloads, and applications see nothing of it [e2e_metrics]", {
      skip: obstacle ?? false,
    }, async () => {
      const { headers } = await mesh.get(BUYER, `${WEB}/status/404`);
      const told = [...Object.keys(headers), ...Object.keys(await echoedHeaders("/plain"))];
      assert.deepEqual(
        told.filter((name) => name.startsWith("osm")),
        [],
      );
      assert.equal((await mesh.get(BUYER, "http://ghost.shop:8080/")).status, 503);
      const { pods } = await mesh.status();
      const podOf = (name: string) => pods.find((one) => one.namespace === "shop" && one.name.startsWith(name))?.name;
      const source = {
        source_namespace: "shop",
        source_kind: "Deployment",
        source_name: "buyer",
        source_pod: podOf("buyer"),
      };
      const web = { destination_namespace: "shop", destination_kind: "Deployment", destination_name: "web" };
      const nobody = Object.fromEntries(
        ["namespace", "kind", "name", "pod"].map((part) => [`destination_${part}`, "unknown"]),
      );
      await mesh.eventually("the counts of both", SOON, async () => {
        assert.deepEqual(labelsOf(await query('osm_request_total{response_code="404"}')), [
          { ...source, ...web, destination_pod: podOf("web"), response_code: "404" },
        ]);
        assert.deepEqual(labelsOf(await query('osm_request_total{response_code="503"}')), [
          { ...source, ...nobody, response_code: "503" },
        ]);
        const [counted] = await query('sum(osm_request_total{destination_name="web"})');
        const [timed] = await query('sum(osm_request_duration_ms_count{destination_name="web"})');
        assert.ok(Number(counted?.value[1]) >= 20);
        assert.ok(Number(timed?.value[1]) >= 20);
        const [p90] = await query("histogram_quantile(0.9, sum(osm_request_duration_ms_bucket) by (le))");
        assert.ok(Number(p90?.value[1]) > 0);
      });
    });
  });
});

const FETCH = "console.log(await (await fetch(process.argv.at(-1))).text())";

interface Span {
  readonly localEndpoint?: { readonly serviceName?: string };
  readonly tags?: Readonly<Record<string, string>>;
}

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** Without those that Prometheus adds. */
function labelsOf(samples: readonly Sample[]): readonly Readonly<Record<string, string>>[] {
  return samples.map(({ metric: { __name__, instance, job, ...labels } }) => labels);
}

/** Envoy puts its name before all that it counts; OSM's dashboards know the signals without. JSON is YAML. */
function scrapeConfig(target: string): string {
  return JSON.stringify({
    scrape_configs: [
      {
        job_name: "proxies",
        scrape_interval: "5s",
        metrics_path: "/stats/prometheus",
        static_configs: [{ targets: [target] }],
        metric_relabel_configs: [
          { source_labels: ["__name__"], regex: "envoy_(osm_request_.*)", target_label: "__name__" },
        ],
      },
    ],
  });
}
