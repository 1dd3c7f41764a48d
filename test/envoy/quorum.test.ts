/** A quorum of three: real etcd nodes as a StatefulSet, who find each other by their pods' own names, over mutual TLS. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { TestMesh } from "../support/mesh.ts";
import { etcdObstacle, etcdProgram } from "../support/products.ts";
import { client, type Manifest, namespace, service, tcpRoute, trafficTarget } from "../support/workloads.ts";

const NS = "quorum";
const MEMBERS = ["etcd-0", "etcd-1", "etcd-2"];
const HEADLESS = "etcd-headless";
const CLIENT_PORT = 2379;
const PEER_PORT = 2380;
const USER = { namespace: "people", name: "alice" };
const STRANGER = { namespace: "people", name: "carol" };
const ELECTED = 60_000;
const STATUS = "/v3/maintenance/status";

const nameOf = (member: string) => `${member}.${HEADLESS}.${NS}.svc.cluster.local`;

/** SMI mode, and the application is reached at the pod's address, to which it binds. */
const CONFIG: Manifest = {
  apiVersion: "config.openservicemesh.io/v1alpha2",
  kind: "MeshConfig",
  metadata: { namespace: "osm-system", name: "osm-mesh-config" },
  spec: {
    sidecar: { localProxyMode: "PodIP" },
    traffic: { enableEgress: false, enablePermissiveTrafficPolicyMode: false },
  },
};

function members(program: string): readonly Manifest[] {
  const cluster = MEMBERS.map((member) => `${member}=http://${nameOf(member)}:${PEER_PORT}`).join(",");
  const run = [
    `me=http://$POD_NAME.${HEADLESS}.${NS}.svc.cluster.local`,
    "data=$(mktemp -d)",
    `exec ${program} --name $POD_NAME --data-dir $data --logger zap --log-level error` +
      // Bound to the pod's address alone: through 127.0.0.1 there is nobody.
      ` --listen-client-urls http://$POD_IP:${CLIENT_PORT} --advertise-client-urls $me:${CLIENT_PORT}` +
      ` --listen-peer-urls http://$POD_IP:${PEER_PORT} --initial-advertise-peer-urls $me:${PEER_PORT}` +
      ` --initial-cluster ${cluster} --initial-cluster-state new --heartbeat-interval 300 --election-timeout 3000`,
  ].join("; ");
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { namespace: NS, name: "etcd" } },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { namespace: NS, name: "etcd" },
      spec: {
        replicas: MEMBERS.length,
        serviceName: HEADLESS,
        // They need each other to become ready.
        podManagementPolicy: "Parallel",
        selector: { matchLabels: { app: "etcd" } },
        template: {
          metadata: { labels: { app: "etcd" } },
          spec: {
            serviceAccountName: "etcd",
            terminationGracePeriodSeconds: 2,
            containers: [
              {
                name: "etcd",
                image: "etcd",
                command: ["sh", "-c", run],
                env: [field("POD_NAME", "metadata.name"), field("POD_IP", "status.podIP")],
                ports: [{ containerPort: CLIENT_PORT }, { containerPort: PEER_PORT }],
              },
            ],
          },
        },
      },
    },
    service(
      { namespace: NS, name: HEADLESS },
      [
        { name: "client", port: CLIENT_PORT, appProtocol: "tcp" },
        { name: "peer", port: PEER_PORT, appProtocol: "tcp" },
      ],
      { selector: { app: "etcd" }, headless: true },
    ),
    service({ namespace: NS, name: "etcd" }, [{ name: "client", port: CLIENT_PORT, appProtocol: "tcp" }]),
    tcpRoute({ namespace: NS, name: "for-clients" }, [CLIENT_PORT]),
    tcpRoute({ namespace: NS, name: "inside" }, [CLIENT_PORT, PEER_PORT]),
  ];
}

const CLIENTS = trafficTarget({
  namespace: NS,
  name: "clients",
  to: "etcd",
  from: [USER],
  rules: [{ kind: "TCPRoute", name: "for-clients" }],
});
const INSIDE = trafficTarget({
  namespace: NS,
  name: "inside",
  to: "etcd",
  from: [{ namespace: NS, name: "etcd" }],
  rules: [{ kind: "TCPRoute", name: "inside" }],
});

interface Told {
  readonly leader?: string;
  readonly header?: { readonly member_id: string };
}

const obstacle = etcdObstacle();
if (obstacle !== undefined) console.error(`SKIPPED: the quorum of etcd: ${obstacle}`);

describe("a quorum of three in a StatefulSet", { skip: obstacle !== undefined }, () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await TestMesh.start(
      [
        namespace(NS),
        namespace("people"),
        CONFIG,
        ...client(USER),
        ...client(STRANGER),
        ...members(await etcdProgram()),
        CLIENTS,
      ],
      { readyWithinMs: 120_000 },
    );
  });
  after(() => mesh?.stop());

  async function ask(pod: string, host: string, path: string, body: object): Promise<unknown> {
    const url = `http://${host}:${CLIENT_PORT}${path}`;
    const { stdout } = await mesh.exec(pod, "curl", "-s", "-m", "5", "-d", JSON.stringify(body), url);
    return JSON.parse(stdout);
  }

  const statusOf = (member: string) => ask("people/alice", nameOf(member), STATUS, {}) as Promise<Told>;
  const text = (value: string) => Buffer.from(value).toString("base64");

  it("S1: finds no majority while no policy lets its members to each other", async () => {
    const { code, stdout } = await mesh.exec(
      "people/alice",
      "curl",
      "-s",
      "-m",
      "3",
      "-d",
      "{}",
      `http://${nameOf("etcd-0")}:${CLIENT_PORT}${STATUS}`,
    );
    assert.ok(code !== 0 || !stdout.includes('"leader"'), stdout);
  });

  it("S1: elects one leader that all three name [e2e_statefulsets]", async () => {
    await mesh.apply(INSIDE);
    await mesh.eventually("one leader, two followers", ELECTED, async () => {
      const told = await Promise.all(MEMBERS.map(statusOf));
      const leaders = new Set(told.map(({ leader }) => leader));
      assert.equal(leaders.size, 1);
      assert.ok(!leaders.has(undefined));
      assert.equal(new Set(told.map(({ header }) => header?.member_id)).size, 3);
      assert.equal(told.filter(({ leader, header }) => leader === header?.member_id).length, 1);
    });
  });

  it("S1: reads from each member what was written by way of the Service", async () => {
    await ask("people/alice", `etcd.${NS}`, "/v3/kv/put", { key: text("k"), value: text("v") });
    for (const member of MEMBERS) {
      const read = (await ask("people/alice", nameOf(member), "/v3/kv/range", { key: text("k") })) as {
        readonly kvs?: readonly { readonly value: string }[];
      };
      assert.equal(read.kvs?.[0]?.value, text("v"), member);
    }
  });

  it("S1: lets clients to the clients' port alone, and nobody else to any", async () => {
    for (const [pod, port] of [
      ["people/alice", PEER_PORT],
      ["people/carol", CLIENT_PORT],
      ["people/carol", PEER_PORT],
    ] as const) {
      const { code } = await mesh.exec(pod, "curl", "-s", "-m", "5", `http://${nameOf("etcd-0")}:${port}/version`);
      assert.notEqual(code, 0, `${pod} is answered on ${port}`);
    }
  });
});
