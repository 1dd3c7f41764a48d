/** Ingress from a gateway pod outside the mesh, whose addresses the mesh follows though its namespace is not a member. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { app, type Manifest, namespace, service } from "../support/workloads.ts";
import { kubectl } from "./kubectl.ts";
import {
  apply,
  client,
  deleteNamespaces,
  ensureMesh,
  eventually,
  get,
  patchMeshConfig,
  podsOf,
  remove,
  setMode,
  untilReady,
  WAIT,
} from "./mesh.ts";

const SHOP = "ingress-shop";
const EDGE = "ingress-edge";
const GATEWAY = `${EDGE}/gateway`;
const URL = `http://web.${SHOP}:8080/`;
/** Seconds for a change to show on a busy machine. */
const SOON = 60;

const BACKEND: Manifest = {
  apiVersion: "policy.openservicemesh.io/v1alpha1",
  kind: "IngressBackend",
  metadata: { namespace: SHOP, name: "web" },
  spec: {
    backends: [{ name: "web", port: { number: 8080, protocol: "http" } }],
    sources: [{ kind: "Service", namespace: EDGE, name: "gateway" }],
  },
};

describe("a gateway outside the mesh [e2e_ingressbackend]", () => {
  before(async () => {
    await ensureMesh();
    await setMode("smi");
    await apply(namespace(SHOP), namespace(EDGE, "outside"));
    await apply(
      ...app({ namespace: SHOP, name: "web", run: { app: ["http-echo", "--port", "8080"] }, port: 8080 }),
      service({ namespace: SHOP, name: "web" }, [{ port: 8080, appProtocol: "http" }]),
      ...client({ namespace: EDGE, name: "gateway" }),
      service({ namespace: EDGE, name: "gateway" }, [{ port: 8080 }]),
      ...client({ namespace: EDGE, name: "stranger" }),
    );
    await untilReady(SHOP, EDGE);
  }, WAIT);
  after(async () => await deleteNamespaces(SHOP, EDGE), WAIT);

  it("I2: is refused without an IngressBackend", WAIT, async () => {
    assert.equal((await get(GATEWAY, URL)).status, 0);
  });

  it("I1: comes in with one, and a stranger does not", WAIT, async () => {
    await apply(BACKEND);
    await served(GATEWAY);
    assert.equal((await get(`${EDGE}/stranger`, URL)).status, 0);
  });

  it("reads in the object's status that it is in force", WAIT, async () => {
    await eventually("the status", SOON, async () => {
      const path = "jsonpath={.status.currentStatus}";
      assert.equal(await kubectl(["-n", SHOP, "get", "ingressbackend", "web", "-o", path]), "committed");
    });
  });

  it("comes in from its next pod too", WAIT, async () => {
    const [first = ""] = await podsOf({ namespace: EDGE, name: "gateway" });
    await kubectl(["-n", EDGE, "delete", "pod", first, "--wait=true", "--grace-period=1"]);
    await untilReady(EDGE);
    await served(GATEWAY);
  });

  it("is refused again once the object is deleted", WAIT, async () => {
    await remove(BACKEND);
    await eventually("the gateway is refused", SOON, async () => {
      assert.equal((await get(GATEWAY, URL)).status, 0);
    });
  });

  it("gets the certificate that the MeshConfig asks for", WAIT, async () => {
    const secret = { namespace: EDGE, name: "gateway-cert" };
    await patchMeshConfig({
      certificate: {
        ingressGateway: { subjectAltNames: ["gateway.ingress-edge.cluster.local"], validityDuration: "24h", secret },
      },
    });
    try {
      await eventually("the Secret", SOON, async () => {
        const { data } = JSON.parse(await kubectl(["-n", EDGE, "get", "secret", secret.name, "-o", "json"]));
        assert.deepEqual(Object.keys(data).sort(), ["ca.crt", "tls.crt", "tls.key"]);
      });
    } finally {
      await patchMeshConfig({ certificate: { ingressGateway: null } });
    }
  });
});

async function served(pod: string): Promise<void> {
  await eventually(`${pod} is served`, SOON, async () => assert.equal((await get(pod, URL)).status, 200));
}
