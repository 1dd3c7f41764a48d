/** What must not be noticed: a control plane that dies, and certificates that are replaced. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import { app, client, meshConfig, namespace, service } from "../support/workloads.ts";

const MANIFESTS = (certificateLife: string) => [
  namespace("shop"),
  namespace("people"),
  meshConfig({ permissive: true, certificateLife }),
  ...client({ namespace: "people", name: "alice" }),
  ...app({ namespace: "shop", name: "api", run: { app: ["http-echo", "--port", "8080"] }, port: 8080, replicas: 2 }),
  service({ namespace: "shop", name: "api" }, [{ port: 8080, appProtocol: "http" }]),
];
const URL = "http://api.shop:8080/x";

/** Envoy's count of xDS responses that it took, by type; a resource that comes again counts, changed or not. */
async function updatesTaken(mesh: TestMesh, pod: string): Promise<Readonly<Record<string, number>>> {
  const { stdout } = await mesh.exec(
    pod,
    "curl",
    "-s",
    "http://127.0.0.1:15000/stats?filter=(cds|eds|lds|rds|sds).*(update_attempt|update_success|update_rejected)",
  );
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => line.split(": ") as [string, string]);
  assert.ok(lines.length > 4, `statistics of ${pod}: ${stdout}`);
  return Object.fromEntries(
    lines.filter(([name]) => name.endsWith("update_success")).map(([name, count]) => [name, Number(count)]),
  );
}

/** Serial numbers of the certificates that a proxy holds, as its own admin port shows them. */
async function serials(mesh: TestMesh, pod: string): Promise<readonly string[]> {
  const { stdout } = await mesh.exec(pod, "curl", "-s", "http://127.0.0.1:15000/certs");
  const { certificates } = JSON.parse(stdout) as {
    certificates: readonly {
      cert_chain?: readonly { serial_number: string; subject_alt_names?: readonly { uri?: string; dns?: string }[] }[];
    }[];
  };
  return (
    certificates
      .flatMap(({ cert_chain = [] }) => cert_chain)
      // The control plane's stream has a certificate of its own, which names a uuid.
      .filter(({ subject_alt_names = [] }) => !subject_alt_names.some(({ dns = "" }) => dns.includes(".sidecar.")))
      .map(({ serial_number }) => serial_number)
  );
}

describe("a control plane that is killed", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS("24h"), { controlPlane: "external" });
  });
  after(() => mesh?.stop());

  it("costs no request, and sends nothing again after its restart", async () => {
    const pods = [
      "people/alice",
      ...(await mesh.status()).pods.filter(({ namespace: ns }) => ns === "shop").map(({ name }) => `shop/${name}`),
    ];
    const before = await Promise.all(pods.map((pod) => updatesTaken(mesh, pod)));
    const { pid } = (await mesh.status()).controlPlane;
    const load = mesh.load("people/alice", { url: URL, perSecond: 100, seconds: 20 });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    process.kill(pid, "SIGKILL");
    await mesh.eventually("another control plane runs", 10_000, async () => {
      const state = await mesh.status();
      assert.ok(state.controlPlane.pid !== undefined && state.controlPlane.pid !== pid);
    });
    const result = await load;
    assert.deepEqual(result.outcomes, { 200: result.requests }, JSON.stringify(result.failures));
    await mesh.eventually("all proxies are connected again", 40_000, async () => {
      for (const pod of pods) {
        const { stdout } = await mesh.exec(
          pod,
          "curl",
          "-s",
          "http://127.0.0.1:15000/stats?filter=control_plane.connected_state",
        );
        assert.match(stdout, /connected_state: 1/);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const afterwards = await Promise.all(pods.map((pod) => updatesTaken(mesh, pod)));
    assert.deepEqual(afterwards, before);
  });

  it("and the next one still changes things", async () => {
    await mesh.apply(meshConfig({ permissive: false }));
    await mesh.eventually("alice is refused", 5000, async () =>
      assert.equal((await mesh.get("people/alice", URL)).status, 0),
    );
    await mesh.apply(meshConfig({ permissive: true }));
    await mesh.eventually("alice is served", 5000, async () =>
      assert.equal((await mesh.get("people/alice", URL)).status, 200),
    );
  });
});

describe("leaves of 60 s", () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(MANIFESTS("60s"));
  });
  after(() => mesh?.stop());

  it("are renewed at least three times a proxy in three minutes of load, without a failed request", async () => {
    const pods = [
      "people/alice",
      ...(await mesh.status()).pods.filter(({ namespace: ns }) => ns === "shop").map(({ name }) => `shop/${name}`),
    ];
    const seen = new Map(pods.map((pod) => [pod, new Set<string>()]));
    const load = mesh.load("people/alice", { url: URL, perSecond: 50, seconds: 180 });
    let loading = true;
    const done = load.finally(() => {
      loading = false;
    });
    while (loading) {
      for (const pod of pods) for (const serial of await serials(mesh, pod)) seen.get(pod)?.add(serial);
      await new Promise((resolve) => setTimeout(resolve, 3000));
    }
    const result = await done;
    assert.deepEqual(result.outcomes, { 200: result.requests }, JSON.stringify(result.failures));
    for (const [pod, numbers] of seen)
      assert.ok(numbers.size >= 4, `${pod} showed ${numbers.size} certificates in 180 s`);
  });
});
