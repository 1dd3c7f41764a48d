/**
 * What a pod's proxy starts from: it goes with its pod, opens nothing afterwards, and is seen by nobody else.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { CONTROLLER, MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { namespace, service } from "../support/workloads.ts";
import { Connection, DeltaStream } from "../support/xds-client.ts";
import { type Forward, forward } from "./forward.ts";
import { kubectl, kubectlComplaint } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, get, patchMeshConfig, setMode, WAIT } from "./mesh.ts";
import { appContainer, pod, readPod, tryPod, untilPod, untilPodReady } from "./pods.ts";

const NAMESPACE = "pods-credentials";
const FULL = "pods-credentials-full";
const COPY = "copied-with-its-label";
const OTHER = "pods-credentials-other";
const UUID_LABEL = "osm-proxy-uuid";
const READERS = "pods-credentials-readers";
const TLS_DEFAULTS: Readonly<Record<"tlsMinProtocolVersion" | "tlsMaxProtocolVersion", string>> = {
  tlsMinProtocolVersion: "TLSv1_2",
  tlsMaxProtocolVersion: "TLSv1_3",
};
const SERVES = { readinessProbe: { httpGet: { path: "/readiness", port: 8080 }, periodSeconds: 1 } };
const SERVER = [appContainer("main", ["http-echo"], SERVES)];

const at = (name: string) => ({ namespace: NAMESPACE, name });

interface SecretState {
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
  };
  readonly data?: Readonly<Record<string, string>>;
}

async function secretsOf(ns: string): Promise<readonly SecretState[]> {
  const list = await kubectl(["-n", ns, "get", "secrets", "-l", UUID_LABEL, "-o", "json"]);
  return (JSON.parse(list) as { readonly items: readonly SecretState[] }).items;
}

/** The Secret of a pod, decoded, with the uuid that both carry. */
async function bootstrapOf(
  name: string,
): Promise<{ readonly uuid: string; readonly files: ReadonlyMap<string, string> }> {
  const uuid = (await readPod(at(name))).metadata.labels[UUID_LABEL] ?? "";
  const found = (await secretsOf(NAMESPACE)).find(({ metadata }) => metadata.labels?.[UUID_LABEL] === uuid);
  assert.ok(found, `pod ${name} with uuid "${uuid}" has no Secret`);
  const files = Object.entries(found.data ?? {}).map(([key, text]) => [key, decoded(text)] as const);
  return { uuid, files: new Map(files) };
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

async function deletePod(name: string): Promise<void> {
  await kubectl(["-n", NAMESPACE, "delete", "pod", name, "--wait=true", "--timeout=120s"]);
}

before(async () => {
  await ensureMesh();
  await setMode("permissive", { egress: false });
  await patchMeshConfig({ sidecar: TLS_DEFAULTS });
  await apply(namespace(NAMESPACE), namespace(FULL), namespace(OTHER, "outside"));
  await leaveOrphans();
  await apply(
    ...["web", "kept", "doomed"].map((name) => pod(at(name), { containers: SERVER })),
    service(at("web"), [{ port: 80, targetPort: 8080, name: "http" }]),
  );
  for (const name of ["web", "kept", "doomed"]) await untilPodReady(at(name));
}, WAIT);
after(async () => {
  await patchMeshConfig({ sidecar: { ...TLS_DEFAULTS, logLevel: "error" } });
  await deleteNamespaces(NAMESPACE, FULL, OTHER);
  await kubectl(["delete", "clusterrolebinding", READERS, "--ignore-not-found"]);
}, WAIT);

/** One that was never a pod's, and one of a pod that injection let pass and a quota did not. */
async function leaveOrphans(): Promise<void> {
  const uuid = randomUUID();
  const labels = { [UUID_LABEL]: uuid };
  await apply(
    { apiVersion: "v1", kind: "Secret", metadata: { namespace: FULL, name: `envoy-bootstrap-config-${uuid}`, labels } },
    // Our label on a Secret that is not named as ours: somebody's copy of a manifest, which is not ours to delete.
    { apiVersion: "v1", kind: "Secret", metadata: { namespace: FULL, name: COPY, labels } },
    { apiVersion: "v1", kind: "Secret", metadata: { namespace: FULL, name: "of-a-user" } },
    {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { namespace: FULL, name: "none" },
      spec: { hard: { pods: "0" } },
    },
  );
  await eventually("the quota refuses a pod after its injection", 60, async () => {
    const manifest = JSON.stringify(pod({ namespace: FULL, name: "refused" }));
    assert.match(await kubectlComplaint(["create", "-f", "-"], manifest), /exceeded quota/);
  });
  assert.ok((await secretsOf(FULL)).length >= 3, "the refused pod left no Secret: the sweeper has nothing to show");
}

describe("a bootstrap Secret", () => {
  it("belongs to its pod, and goes with it [e2e_garbage_collector]", WAIT, async () => {
    await apply(pod(at("brief")));
    const { metadata } = await untilPodReady(at("brief"));
    const uuid = metadata.labels[UUID_LABEL];
    const own = async () =>
      (await secretsOf(NAMESPACE)).find(({ metadata: { labels } }) => labels?.[UUID_LABEL] === uuid);
    await eventually("it has its owner", 60, async () => {
      const owners = (await own())?.metadata.ownerReferences?.map(({ kind, name, uid }) => [kind, name, uid]);
      assert.deepEqual(owners, [["Pod", "brief", metadata.uid]]);
    });
    await deletePod("brief");
    await eventually("it is gone", 120, async () => assert.equal(await own(), undefined));
  });
});

describe("a certificate of a pod that is deleted", () => {
  let way: Forward;
  before(async () => {
    way = await forward(MESH_NAMESPACE, `deployment/${CONTROLLER}`, 15128);
  });
  after(() => way.close());

  const dial = async (files: ReadonlyMap<string, string>): Promise<Connection> =>
    await Connection.open({
      port: way.port,
      serverName: "ads.cluster.local",
      trustedRoot: files.get("cacert.pem") ?? "",
      leaf: { certificate: files.get("sds_cert.pem") ?? "", key: files.get("sds_key.pem") ?? "" },
    });

  it("is not believed any more, neither where it is in use nor anew", WAIT, async () => {
    const { files } = await bootstrapOf("doomed");
    const inUse = await dial(files);
    const stream = new DeltaStream(inUse);
    stream.send("cluster");
    await stream.accept("cluster");

    await deletePod("doomed");
    assert.match(String(await stream.ending()), /permission_denied.*pod is gone/);
    const anew = await dial(files);
    const refused = new DeltaStream(anew);
    refused.send("cluster");
    const ending = String(await refused.ending());
    assert.match(ending, /permission_denied/);
    inUse.close();
    anew.close();
  });
});

describe("a pod's private key", () => {
  it("is in no object of another namespace, no log, no metric and no answer of the API", WAIT, async () => {
    const { files } = await bootstrapOf("kept");
    const key = files.get("sds_key.pem") ?? "";
    const [, , secretLine = ""] = key.split("\n");
    assert.match(key, /PRIVATE KEY/);
    assert.match(secretLine, /^[A-Za-z0-9+/]{32,}/);

    const objects = JSON.parse(await kubectl(["get", "secrets,configmaps,pods,events", "-A", "-o", "json"])) as {
      readonly items: readonly SecretState[];
    };
    const texts = objects.items.map(
      (one) =>
        [
          `${one.metadata.namespace}/${one.metadata.name}`,
          `${JSON.stringify(one)}\n${Object.values(one.data ?? {})
            .map(decoded)
            .join("\n")}`,
        ] as const,
    );
    const holders = texts.filter(([, text]) => text.includes(secretLine)).map(([name]) => name);
    assert.deepEqual(
      holders.map((name) => name.replace(/[0-9a-f-]{36}$/, "UUID")),
      [`${NAMESPACE}/envoy-bootstrap-config-UUID`],
    );

    const told = await toldByControlPlane();
    assert.ok(told.length > 5 && told.every((text) => text.length > 50), told.map((text) => text.length).join());
    assert.equal(told.filter((text) => text.includes(secretLine) || text.includes("PRIVATE KEY")).length, 0);
  });

  it("may be read by no account of another namespace", WAIT, async () => {
    const mine = `system:serviceaccount:${OTHER}:default`;
    const ask = ["auth", "can-i", "get", "secrets", "-n", NAMESPACE, `--as=${mine}`];
    assert.equal((await kubectl(ask).catch(() => "no")).trim(), "no");
  });
});

/** Everything that the control plane says to an operator. */
async function toldByControlPlane(): Promise<readonly string[]> {
  const metadata = { namespace: OTHER, name: "reader" };
  await apply({ apiVersion: "v1", kind: "ServiceAccount", metadata });
  const subject = `--serviceaccount=${OTHER}:reader`;
  const binding = ["create", "clusterrolebinding", READERS, "--clusterrole=osm-api-reader", subject];
  assert.doesNotMatch(await kubectlComplaint(binding), /^(?!.*already exists).+/);
  const token = (await kubectl(["-n", OTHER, "create", "token", "reader"])).trim();
  const target = `deployment/${CONTROLLER}`;
  const [api, http] = [await forward(MESH_NAMESPACE, target, 9092), await forward(MESH_NAMESPACE, target, 9091)];
  try {
    const headers = { authorization: `Bearer ${token}` };
    const read = async (port: number, path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
      const text = await answer.text();
      assert.equal(answer.status, 200, `${path}: ${text}`);
      return text;
    };
    const proxies = await read(api.port, "/api/v1/proxies");
    const uuid = (await readPod(at("kept"))).metadata.labels[UUID_LABEL];
    return [
      proxies,
      await read(api.port, `/api/v1/proxies/${uuid}`),
      await read(api.port, "/api/v1/status"),
      await read(api.port, "/api/v1/certificates"),
      await read(http.port, "/metrics"),
      await kubectl(["-n", MESH_NAMESPACE, "logs", target, "--tail=-1"]),
    ];
  } finally {
    api.close();
    http.close();
  }
}

describe("versions of TLS [e2e_envoy_max_mtls_version]", () => {
  for (const [setting, version] of [
    ["TLSv1_2", "TLSv1.2"],
    ["TLSv1_3", "TLSv1.3"],
  ] as const) {
    it(`${version} at most: pods get their configuration and call each other by it`, WAIT, async () => {
      await settle({ ...TLS_DEFAULTS, tlsMaxProtocolVersion: setting });
      const name = `caller-${setting.toLowerCase().replace("_", "-")}`;
      await apply(pod(at(name), { containers: SERVER }));
      await untilPodReady(at(name));
      await eventually("it is answered", 60, async () =>
        assert.equal((await get(`${NAMESPACE}/pod/${name}`, `http://web.${NAMESPACE}/`)).status, 200),
      );
      // The way there may be reset on a busy machine.
      const used = await eventually("its statistics are read", 60, async () => await versionsUsedBy(name));
      assert.deepEqual(used, [version]);
    });
  }

  it("below 1.2: a pod gets no configuration, and does not start", WAIT, async () => {
    await settle({ tlsMinProtocolVersion: "TLSv1_0", tlsMaxProtocolVersion: "TLSv1_1" });
    await apply(pod(at("outdated"), { containers: SERVER }));
    await untilPod(at("outdated"), "has its proxy running", ({ status }) =>
      JSON.stringify(status.initContainerStatuses?.find(({ name }) => name === "envoy") ?? {}).includes('"running"'),
    );
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    const { status } = await readPod(at("outdated"));
    assert.equal(status.initContainerStatuses?.find(({ name }) => name === "envoy")?.started, false);
    assert.equal(status.phase, "Pending");
    await kubectl(["-n", NAMESPACE, "delete", "pod", "outdated", "--wait=false"]);
  });

  it("and connections are as before once the bounds are", WAIT, async () => {
    await settle(TLS_DEFAULTS);
    await eventually("it is answered", 60, async () =>
      assert.equal((await get(`${NAMESPACE}/pod/kept`, `http://web.${NAMESPACE}/`)).status, 200),
    );
  });
});

/** Each step has another, which tells when its settings are in force. */
const LEVELS = ["warning", "critical"] as const;
let steps = 0;

async function settle(sidecar: typeof TLS_DEFAULTS): Promise<void> {
  const logLevel = LEVELS[steps++ % LEVELS.length] ?? "error";
  await patchMeshConfig({ sidecar: { ...sidecar, logLevel } });
  await eventually("the bounds are in force", 120, async () => {
    const { spec } = await tryPod(pod(at("tried")));
    assert.equal(spec.initContainers?.find(({ name }) => name === "envoy")?.args?.[1], logLevel);
  });
}

/** By its calls, those to the control plane included. */
async function versionsUsedBy(name: string): Promise<readonly string[]> {
  // The administration port: pods without metrics serve no other.
  const way = await forward(NAMESPACE, `pod/${name}`, 15000);
  try {
    const statistics = await (await fetch(`http://127.0.0.1:${way.port}/stats/prometheus`)).text();
    const used = statistics.matchAll(/^envoy_cluster_ssl_versions\{.*?(TLSv1\.\d).*\} [1-9]/gm);
    return [...new Set([...used].map(([, version = ""]) => version))];
  } finally {
    way.close();
  }
}

describe("an orphan", () => {
  it("is swept, and what is a user's stays", WAIT, async () => {
    await eventually("no Secret of a proxy is left", 240, async () => {
      assert.deepEqual(
        (await secretsOf(FULL)).map(({ metadata }) => metadata.name),
        [COPY],
      );
    });
    assert.match(await kubectl(["-n", FULL, "get", "secret", "of-a-user", "-o", "name"]), /of-a-user/);
  });
});
