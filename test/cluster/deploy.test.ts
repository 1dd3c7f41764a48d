/**
 * `deploy/osm.yaml` on a real API server: one apply, the definitions hold, the permissions suffice and do not exceed.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { stringify } from "yaml";
import { IMAGES } from "../../deploy/build/names.ts";
import { readExclusions } from "../../src/core/inject/exclusions.ts";
import { buildInitContainer } from "../../src/core/inject/init-container.ts";
import { ANNOTATIONS } from "../../src/core/inject/names.ts";
import { NO_PROBES } from "../../src/core/ir/probe.ts";
import { DEFAULT_MESH_CONFIG } from "../../src/core/model/mesh-config.ts";
import { DEFINITIONS, versionOf } from "../deploy/definitions.ts";
import { DEPLOY, objectsIn, oneOf, validObjects } from "../deploy/documents.ts";
import { REFUSED } from "../deploy/refused.ts";
import { eventually, kubectl, kubectlComplaint, requireCluster } from "./kubectl.ts";

const OSM = join(DEPLOY, "osm.yaml");
const HA = join(DEPLOY, "ha.yaml");
/** Not in the mesh: what is tested here is the API server alone. */
const NAMESPACE = "deploy-test";
const ACCOUNT = "system:serviceaccount:osm-system:osm";
const WAIT = { timeout: 180_000 };

before(requireCluster);
before(async () => {
  await kubectl(["apply", "-f", OSM]);
  await kubectl(["apply", "-f", "-"], yaml({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }));
}, WAIT);
after(async () => await kubectl(["delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false"]));

describe("osm.yaml", () => {
  it("changes nothing when it is applied again", WAIT, async () => {
    const said = (await kubectl(["apply", "-f", OSM])).trim().split("\n");
    assert.ok(said.length > 20, said.join("\n"));
    assert.deepEqual(
      said.filter((line) => !line.endsWith(" unchanged")),
      [],
    );
  });

  for (const { plural, group } of DEFINITIONS) {
    it(`${plural}.${group} is established and structural`, WAIT, async () => {
      const conditions = ["-o", "jsonpath={range .status.conditions[*]}{.type}={.status} {end}"];
      const said = await eventually(["get", "crd", `${plural}.${group}`, ...conditions], (all) =>
        all.includes("Established=True"),
      );
      assert.match(said, /NamesAccepted=True/);
      assert.doesNotMatch(said, /NonStructuralSchema=True|ApprovalPolicyConformant=False/);
    });
  }

  it("has a pod that the strictest of Kubernetes' pod policies lets through", WAIT, async () => {
    const name = `${NAMESPACE}-strict`;
    const metadata = { name, labels: { "pod-security.kubernetes.io/enforce": "restricted" } };
    await kubectl(["apply", "-f", "-"], yaml({ apiVersion: "v1", kind: "Namespace", metadata }));
    try {
      const deployment = oneOf(objectsIn(OSM), "Deployment", "osm-controller");
      const { template } = deployment["spec"] as { template: { spec: object } };
      const spec = { ...template.spec, serviceAccountName: "default", priorityClassName: "" };
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "pod", namespace: name }, spec };
      await kubectl(["create", "--dry-run=server", "-f", "-"], yaml(pod));
    } finally {
      await kubectl(["delete", "namespace", name, "--wait=false"]);
    }
  });
});

describe("objects that operators write", () => {
  for (const object of validObjects().filter((one) => versionOf(one) !== undefined)) {
    const { kind, metadata } = object;
    it(`${kind} ${metadata.name} is stored with every field`, WAIT, async () => {
      const here = { ...object, metadata: { name: metadata.name, namespace: NAMESPACE } };
      await kubectl(["apply", "-f", "-"], yaml(here));
      const [group = ""] = object.apiVersion.split("/");
      const said = await kubectl(["get", `${kind}.${group}`, metadata.name, "-n", NAMESPACE, "-o", "json"]);
      const stored: unknown = JSON.parse(said).spec;
      assert.deepEqual(pick(stored, object["spec"]), object["spec"]);
    });
  }

  for (const [what, object] of REFUSED) {
    it(`refuses ${what}`, WAIT, async () => {
      const here = { ...object, metadata: { name: "refused", namespace: NAMESPACE } };
      assert.match(await kubectlComplaint(["create", "-f", "-"], yaml(here)), /invalid|no matches for kind/);
    });
  }

  it("reads MeshConfig in both versions, and says which is old", WAIT, async () => {
    const old = {
      apiVersion: "config.openservicemesh.io/v1alpha1",
      kind: "MeshConfig",
      metadata: { name: "old", namespace: NAMESPACE },
      spec: { traffic: { enableEgress: true } },
    };
    const apply = ["apply", "-f", "-", "--warnings-as-errors"];
    assert.match(await kubectlComplaint(apply, yaml(old)), /v1alpha1 MeshConfig is deprecated/);
    const path = ["-n", NAMESPACE, "-o", "jsonpath={.apiVersion} {.spec.traffic.enableEgress}"];
    const said = await kubectl(["get", "meshconfigs.v1alpha2.config.openservicemesh.io", "old", ...path]);
    assert.equal(said, "config.openservicemesh.io/v1alpha2 true");
  });
});

describe("permissions", () => {
  const may = [
    ["list", "pods", "-n", NAMESPACE],
    ["watch", "traffictargets.access.smi-spec.io", "-A"],
    ["create", "secrets", "-n", NAMESPACE],
    ["patch", "mutatingwebhookconfigurations/osm-webhook-osm"],
    ["watch", "validatingwebhookconfigurations/osm-validator-mesh-osm"],
    ["create", "meshconfigs.config.openservicemesh.io", "-n", "osm-system"],
    ["patch", "upstreamtrafficsettings.policy.openservicemesh.io", "--subresource=status", "-n", NAMESPACE],
    ["update", "leases.coordination.k8s.io/osm-controller", "-n", "osm-system"],
    ["create", "tokenreviews.authentication.k8s.io"],
  ];
  const mayNot = [
    ["create", "pods", "-n", NAMESPACE],
    ["get", "configmaps", "-n", "osm-system"],
    ["patch", "mutatingwebhookconfigurations/another"],
    ["delete", "mutatingwebhookconfigurations/osm-webhook-osm"],
    ["update", "meshconfigs.config.openservicemesh.io", "-n", "osm-system"],
    ["update", "leases.coordination.k8s.io/another", "-n", "osm-system"],
    ["update", "customresourcedefinitions.apiextensions.k8s.io"],
    ["create", "clusterrolebindings.rbac.authorization.k8s.io"],
    ["create", "pods", "--subresource=exec", "-n", NAMESPACE],
    ["create", "serviceaccounts", "--subresource=token", "-n", "osm-system"],
  ];
  const answer = async (question: readonly string[]) =>
    (await kubectl(["auth", "can-i", `--as=${ACCOUNT}`, ...question]).catch(() => "no")).trim();

  for (const question of may)
    it(`may ${question.join(" ")}`, WAIT, async () => assert.equal(await answer(question), "yes"));
  for (const question of mayNot)
    it(`may not ${question.join(" ")}`, WAIT, async () => assert.equal(await answer(question), "no"));
});

describe("images", () => {
  it("run in a pod as osm.yaml and injection have them", WAIT, async () => {
    const { sidecar } = DEFAULT_MESH_CONFIG;
    const init = buildInitContainer({
      image: IMAGES.init,
      pullPolicy: "Never",
      sidecar: { ...sidecar, localProxyMode: "PodIP" },
      exclusions: readExclusions({ [ANNOTATIONS.inboundPorts]: "8443" }, DEFAULT_MESH_CONFIG).lists,
      probes: NO_PROBES,
    });
    const spec = {
      restartPolicy: "Never",
      initContainers: [init, { ...init, name: "shown", args: ["iptables-save -t nat"] }],
      containers: [
        {
          name: "osm",
          image: IMAGES.osm,
          imagePullPolicy: "Never",
          args: ["version"],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            runAsNonRoot: true,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    };
    const metadata = { name: "images", namespace: NAMESPACE };
    await kubectl(["apply", "-f", "-"], yaml({ apiVersion: "v1", kind: "Pod", metadata, spec }));
    const path = "jsonpath={.status.phase}{.status.podIP} {..waiting.reason}";
    const said = await eventually(["get", "pod", "images", "-n", NAMESPACE, "-o", path], (text) =>
      /^(Succ|Fail)|NeverPull/.test(text),
    );
    assert.match(said, /^Succeeded/, "load the archives of `npm run image` into the cluster first");
    assert.match(await kubectl(["logs", "images", "-n", NAMESPACE, "-c", "osm"]), /^osm \d/);
    const address = /[\d.]+/.exec(said)?.[0];
    const kept = await kubectl(["logs", "images", "-n", NAMESPACE, "-c", "shown"]);
    assert.ok(kept.includes(`--uid-owner 1500 -j DNAT --to-destination ${address}\n`), kept);
    assert.match(kept, /-A OSM_PROXY_INBOUND .*--dports 8443 -j RETURN/);
  });
});

describe("ha.yaml", () => {
  after(async () => {
    await kubectl(["delete", "-f", HA]);
    await kubectl(["-n", "osm-system", "scale", "deployment", "osm-controller", "--replicas=1"]);
  });

  it("asks for three replicas where nothing is measured, and osm.yaml does not undo it", WAIT, async () => {
    await kubectl(["apply", "-f", HA]);
    const replicas = ["get", "deployment", "osm-controller", "-n", "osm-system", "-o", "jsonpath={.spec.replicas}"];
    await eventually(replicas, (count) => count === "3", 120);
    await kubectl(["apply", "-f", OSM]);
    assert.equal(await kubectl(replicas), "3");
  });
});

function yaml(object: object): string {
  return stringify(object, { version: "1.1" });
}

/** The part of `stored` that `written` has fields for: the API server adds defaults, and must take nothing away. */
function pick(stored: unknown, written: unknown): unknown {
  if (Array.isArray(stored) && Array.isArray(written)) return stored.map((one, i) => pick(one, written[i]));
  if (!isFields(stored) || !isFields(written)) return stored;
  return Object.fromEntries(
    Object.entries(stored).flatMap(([key, one]) => (key in written ? [[key, pick(one, written[key])]] : [])),
  );
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
