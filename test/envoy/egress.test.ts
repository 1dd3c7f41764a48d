/** What leaves the mesh: nothing, everything, or what Egress objects allow, from real pods to servers without a sidecar. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { TestMesh } from "../support/mesh.ts";
import { egress } from "../support/outside-policies.ts";
import { statistic } from "../support/statistics.ts";
import type { TlsAnswer, TlsCall } from "../support/tls-call.ts";
import { upstreamSetting } from "../support/traffic-policies.ts";
import { app, client, httpRoutes, type Manifest, meshConfig, namespace, service } from "../support/workloads.ts";
import { testRoot } from "../support/xds-pki.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const CLIENT = "curl/curl";
const STRANGER = "curl/stranger";
const HOST = "httpbin.out.svc.cluster.local";
const OTHER = "other.out.svc.cluster.local";
const from = [{ namespace: "curl", name: "curl" }];

/** Clear HTTP on 80, TLS of its own on 443, bytes on 9000, and a server that speaks first on 3306. */
async function outside(name: string): Promise<readonly Manifest[]> {
  const leaf = await (await testRoot()).issue(name);
  const parts = ["http-echo --port 8080", "https-echo --port 8443", "tcp-echo --port 9000", "banner --port 3306"];
  const script = parts.map((part) => `osm demo app ${part}`).join(" & ");
  return [
    ...app({
      namespace: "out",
      name,
      run: { command: ["sh", "-c", `${script} & wait`] },
      port: 8080,
      env: { TLS_CERTIFICATE: leaf.certificate, TLS_KEY: leaf.key },
    }),
    service({ namespace: "out", name }, [
      { name: "http", port: 80, targetPort: 8080 },
      { name: "https", port: 443, targetPort: 8443 },
      { name: "tcp", port: 9000 },
      { name: "db", port: 3306 },
    ]),
  ];
}

describe("egress", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start([
      namespace("curl"),
      namespace("out", "outside"),
      meshConfig({ permissive: false }),
      ...client({ namespace: "curl", name: "curl" }),
      ...client({ namespace: "curl", name: "stranger" }),
      ...(await outside("httpbin")),
      ...(await outside("other")),
    ]);
  });
  after(() => mesh?.stop());

  const get = (path: string, host = HOST, pod = CLIENT) => mesh.get(pod, `http://${host}${path}`);
  const becomes = (status: number, path: string, host = HOST, pod = CLIENT) =>
    mesh.eventually(`${status} for ${host}${path}`, 10_000, async () => {
      const answer = await get(path, host, pod);
      assert.equal(answer.status, status, answer.error ?? "");
    });
  const refused = async (path: string, host = HOST, pod = CLIENT) => {
    const { status, error } = await get(path, host, pod);
    assert.deepEqual([status, error], [0, "ECONNREFUSED"]);
  };
  const tls = async (call: Partial<TlsCall> = {}, pod = CLIENT): Promise<TlsAnswer> => {
    const whole: TlsCall = { host: HOST, port: 443, sni: HOST, path: "/get", ...call };
    const argv = [join(ROOT, "node_modules/.bin/bun"), join(ROOT, "test/support/tls-call.ts"), JSON.stringify(whole)];
    const { stdout, stderr, code } = await mesh.exec(pod, ...argv);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as TlsAnswer;
  };
  const tlsBecomes = (status: number, call: Partial<TlsCall> = {}) =>
    mesh.eventually(`TLS ${status}`, 10_000, async () => {
      const answer = await tls(call);
      assert.equal(answer.status, status, answer.error ?? "");
    });
  /** With the policy in force while `check` runs, and what was before afterwards. */
  const under = async (policies: readonly Manifest[], check: () => Promise<void>) => {
    await mesh.apply(...policies);
    try {
      await check();
    } finally {
      await mesh.delete(...policies);
    }
    await mesh.eventually("nothing is open again", 10_000, () => refused("/get"));
  };
  const addressOf = async (name: string): Promise<string> => {
    const lookup = `console.log((await require("node:dns/promises").lookup(process.argv[1])).address)`;
    const { stdout } = await mesh.exec(CLIENT, join(ROOT, "node_modules/.bin/bun"), "-e", lookup, name);
    return stdout.trim();
  };

  /** Who dials an address names no server. */
  const nameless = async (name: string): Promise<Partial<TlsCall>> => ({ host: await addressOf(name), sni: "" });

  it("E2, E3: is closed by default, for requests and for TLS", async () => {
    await refused("/get");
    assert.equal((await tls()).error, "ECONNREFUSED");
  });

  it("E1: is open to everything, untouched, while the MeshConfig says so, whatever Egress objects say [e2e_egress]", async () => {
    const narrow = egress(
      { namespace: "curl", name: "narrow" },
      { from, hosts: [OTHER], ports: { 80: "http" }, routes: ["none"] },
    );
    await mesh.apply(meshConfig({ permissive: false, egress: true }), narrow);
    await tlsBecomes(200);
    const answer = await get("/get");
    assert.equal(answer.status, 200);
    assert.notEqual(answer.headers["server"], "envoy");
    assert.equal((await get("/x", OTHER)).status, 200);
    assert.match((await mesh.tcp(CLIENT, { host: HOST, port: 3306 })).data, /^hello from /);
    await mesh.apply(meshConfig({ permissive: false }));
    await mesh.delete(narrow);
    await mesh.eventually("closed again", 10_000, () => refused("/get"));
  });

  it("E4, E5: opens an http port to a host, for its source alone, until it is deleted [e2e_egress_policy]", async () => {
    const open = egress({ namespace: "curl", name: "httpbin-80" }, { from, hosts: [HOST], ports: { 80: "http" } });
    await under([open], async () => {
      await becomes(200, "/get");
      const { headers } = await get("/get");
      assert.equal(headers["server"], "envoy");
      assert.match(headers["x-envoy-upstream-service-time"] ?? "", /^\d+$/);
      assert.equal((await get("/get", OTHER)).status, 404);
      await refused("/get", HOST, STRANGER);
      // Neither TLS nor other bytes go through a port for requests.
      assert.equal((await tls({ port: 80, alpn: ["h2", "http/1.1"] })).status, 0);
      assert.equal((await mesh.tcp(CLIENT, { host: HOST, port: 80, send: "nonsense\r\n\r\n", waitMs: 2000 })).data, "");
    });
    assert.equal((await tls()).error, "ECONNREFUSED");
  });

  it("E6, E7: passes TLS on to a host, unopened, until it is deleted", async () => {
    const open = egress({ namespace: "curl", name: "httpbin-443" }, { from, hosts: [HOST], ports: { 443: "https" } });
    await under([open], async () => {
      await tlsBecomes(200, { alpn: ["h2", "http/1.1"] });
      const { text } = await tls();
      assert.doesNotMatch(text, /server: envoy/i);
      assert.equal((await tls({ host: OTHER, sni: OTHER })).status, 0);
      assert.equal((await tls(await nameless(HOST))).status, 0);
      assert.notEqual((await tls({}, STRANGER)).status, 200);
    });
    assert.equal((await tls()).error, "ECONNREFUSED");
  });

  it("E8, E9: opens a tcp port to every address, until it is deleted [e2e_tcp_egress]", async () => {
    const open = egress({ namespace: "curl", name: "tcp-443" }, { from, ports: { 443: "tcp" } });
    await under([open], async () => {
      await tlsBecomes(200);
      assert.equal((await tls(await nameless(OTHER))).status, 200);
      assert.equal((await get("/get")).status, 0);
    });
  });

  it("E10, E11: allows the requests of an HTTPRouteGroup, and follows its changes", async () => {
    const group = (paths: readonly string[]) =>
      httpRoutes(
        { namespace: "curl", name: "gets" },
        paths.map((pathRegex, i) => ({ name: `m${i}`, pathRegex })),
      );
    const open = egress(
      { namespace: "curl", name: "some" },
      { from, hosts: [HOST], ports: { 80: "http" }, routes: ["gets"] },
    );
    await under([open, group(["/get"])], async () => {
      await becomes(200, "/get");
      const denied = await get("/status/200");
      assert.deepEqual([denied.status, denied.headers["server"]], [404, "envoy"]);
      assert.equal((await get("/x/..%2Fget")).status, 400);
      await mesh.apply(group(["/get", "/status.*"]));
      await becomes(200, "/status/200");
    });
  });

  it("K1: opens an address to TLS that names no server, and no other address", async () => {
    const range = `${await addressOf(HOST)}/32`;
    const api = egress({ namespace: "curl", name: "api" }, { from, ipAddresses: [range], ports: { 443: "https" } });
    await under([api], async () => {
      await tlsBecomes(200, await nameless(HOST));
      assert.equal((await tls(await nameless(OTHER))).status, 0);
    });
  });

  it("keeps http, too, to the addresses that are listed, and takes patterns of hosts", async () => {
    const range = `${await addressOf(HOST)}/32`;
    const near = egress(
      { namespace: "curl", name: "near" },
      { from, hosts: ["*.out.svc.cluster.local"], ipAddresses: [range], ports: { 80: "http" } },
    );
    await under([near], async () => {
      await becomes(200, "/get");
      // Its name would be allowed, its address is not.
      assert.equal((await get("/get", OTHER)).status, 0);
      const stray = await mesh.get(CLIENT, `http://${HOST}/get`, { headers: { Host: "elsewhere.example.org" } });
      assert.equal(stray.status, 404);
    });
  });

  it("opens a server-first port at once, and one for bytes", async () => {
    const open = egress({ namespace: "curl", name: "db" }, { from, ports: { 3306: "tcp-server-first", 9000: "tcp" } });
    await under([open], async () => {
      await mesh.eventually("a banner", 10_000, async () => {
        const { data, firstByteMs } = await mesh.tcp(CLIENT, { host: HOST, port: 3306 });
        assert.match(data, /^hello from /);
        assert.ok(firstByteMs < 250, `it took ${firstByteMs} ms`);
      });
      const { data } = await mesh.tcp(CLIENT, { host: OTHER, port: 9000, send: "hi\n", waitMs: 500 });
      assert.equal(data, "echo response: hi\n");
    });
  });

  it("unites several objects of one port, and takes nothing away with a narrower one", async () => {
    const range = `${await addressOf(HOST)}/32`;
    const objects = [
      egress({ namespace: "curl", name: "a" }, { from, hosts: [HOST], ports: { 80: "http", 443: "https" } }),
      egress({ namespace: "curl", name: "b" }, { from, hosts: [OTHER], ports: { 80: "http" } }),
      egress({ namespace: "curl", name: "c" }, { from, hosts: [HOST], ports: { 80: "http" }, routes: ["none"] }),
      egress(
        { namespace: "curl", name: "d" },
        { from, hosts: ["db.example.org"], ipAddresses: [range], ports: { 443: "https" } },
      ),
    ];
    await under(objects, async () => {
      await becomes(200, "/get");
      await becomes(200, "/get", OTHER);
      await tlsBecomes(200);
      assert.equal((await tls({ sni: "db.example.org" })).status, 200);
      assert.equal((await tls({ host: OTHER, sni: "db.example.org" })).status, 0);
      assert.match(await findings(), /egress-conflict Egress curl\/c spec\.hosts\[0\]/);
    });
  });

  it("CB3, CB4: keeps to the limits of an UpstreamTrafficSetting that it refers to", async () => {
    const open = (setting?: string) =>
      egress(
        { namespace: "curl", name: "limited" },
        { from, hosts: [HOST], ports: { 80: "http" }, ...(setting && { setting }) },
      );
    const limits = upstreamSetting(
      { namespace: "curl", name: "httpbin" },
      {
        host: HOST,
        connectionSettings: {
          tcp: { maxConnections: 1 },
          http: { maxPendingRequests: 1, maxRequestsPerConnection: 1 },
        },
      },
    );
    const load = () => mesh.load(CLIENT, { url: `http://${HOST}/stream?seconds=2`, perSecond: 40, seconds: 0.5 });
    const name = "cluster.httpbin_out_svc_cluster_local_80.upstream_rq_pending_overflow";
    await under([open()], async () => {
      await becomes(200, "/get");
      assert.deepEqual((await load()).outcomes, { 200: 20 });
      await mesh.apply(limits, open("httpbin"));
      await mesh.eventually("one connection only", 15_000, async () => {
        const before = await statistic(mesh, CLIENT, name);
        const { outcomes } = await load();
        const overflow = (await statistic(mesh, CLIENT, name)) - before;
        assert.deepEqual(outcomes, { 200: 2, 503: 18 });
        assert.equal(overflow, 18);
      });
    });
    await mesh.delete(limits);
  });

  const findings = async (): Promise<string> => (await mesh.osm("status")).stdout;
});
