/**
 * The files that operators apply: made from the source beside them, one apply, nothing more than what is needed.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { manifestFiles } from "../../deploy/build/manifest/files.ts";
import { BOOTSTRAP_RULES, CLUSTER_RULES, NAMESPACE_RULES, type Rule } from "../../deploy/build/manifest/rbac.ts";
import { IMAGES, MESH_NAME, MESH_NAMESPACE, VERSION } from "../../deploy/build/names.ts";
import { namespacesOf, resourcesOf } from "../../src/sources/kubernetes/resource.ts";
import { DEPLOY, objectsIn, oneOf } from "./documents.ts";

const OBJECTS = objectsIn(join(DEPLOY, "osm.yaml"));
const README = readFileSync(join(DEPLOY, "README.md"), "utf8");

interface PodTemplate {
  readonly spec: {
    readonly containers: readonly {
      readonly image: string;
      readonly ports: readonly { readonly name: string }[];
      readonly env: readonly { readonly name: string; readonly value?: string }[];
    }[];
  };
}

const DEPLOYMENT = oneOf(OBJECTS, "Deployment", "osm-controller")["spec"] as Record<string, unknown> & {
  template: PodTemplate;
};

describe("the files", () => {
  for (const [name, text] of Object.entries(manifestFiles())) {
    it(`${name} is what \`npm run manifests\` makes`, () =>
      assert.ok(readFileSync(join(DEPLOY, name), "utf8") === text, "run `npm run manifests`"));
  }

  it("have each object once", () => {
    const keys = OBJECTS.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    assert.deepEqual(keys, [...new Set(keys)]);
  });

  it("have no object whose kind is defined in the same file: the first apply would fail", () => {
    const ours = OBJECTS.filter(({ apiVersion }) => /(openservicemesh\.io|smi-spec\.io|x-k8s\.io)\//.test(apiVersion));
    assert.deepEqual(ours, []);
  });

  it("leave out what others set at run time", () => {
    assert.ok(!("replicas" in DEPLOYMENT), "an autoscaler's choice would be undone");
    assert.ok(!JSON.stringify(OBJECTS).includes("caBundle"), "a replica's choice would be undone");
  });
});

describe("images", () => {
  const [container] = DEPLOYMENT.template.spec.containers;
  const env = new Map(container?.env.map(({ name, value }) => [name, value]));

  it("are those that `npm run image` makes", () => {
    assert.equal(container?.image, IMAGES.osm);
    assert.equal(env.get("OSM_DEFAULT_INIT_CONTAINER_IMAGE"), IMAGES.init);
    assert.equal(env.get("OSM_DEFAULT_ENVOY_IMAGE"), IMAGES.envoy);
    assert.ok(IMAGES.osm.endsWith(`:${VERSION}`) && IMAGES.init.endsWith(`:${VERSION}`));
  });

  it("are named in the Containerfiles by the same users", () => {
    const files = ["Containerfile", "Containerfile.init"].map((name) => readFileSync(join(DEPLOY, name), "utf8"));
    assert.match(files[0] ?? "", /USER 65532:65532/);
    assert.ok(
      files[0]?.includes(IMAGES.osm) && files[1]?.includes(IMAGES.init),
      "the build commands name other images",
    );
  });
});

describe("services", () => {
  const names = new Set(DEPLOYMENT.template.spec.containers.flatMap(({ ports }) => ports.map(({ name }) => name)));

  for (const { kind, metadata, spec } of OBJECTS) {
    if (kind !== "Service") continue;
    const { ports, selector } = spec as { ports: { targetPort: string }[]; selector: object };
    it(`${metadata.name} leads to ports of the container`, () => {
      assert.deepEqual(
        ports.filter(({ targetPort }) => !names.has(targetPort)),
        [],
      );
      assert.deepEqual(selector, { app: "osm-controller" });
    });
  }
});

interface Webhook {
  readonly name: string;
  readonly failurePolicy: string;
  readonly sideEffects: string;
  readonly clientConfig: { readonly service: { readonly name: string; readonly port: number; readonly path: string } };
  readonly namespaceSelector: {
    readonly matchLabels?: Record<string, string>;
    readonly matchExpressions: readonly {
      readonly key: string;
      readonly operator: string;
      readonly values?: string[];
    }[];
  };
}

describe("webhooks", () => {
  const configurations = OBJECTS.filter(({ kind }) => kind.endsWith("WebhookConfiguration"));
  const webhooks = configurations.flatMap(({ webhooks: all }) => all as Webhook[]);

  it("have OSM's names, so that applying over OSM replaces its own", () => {
    assert.deepEqual(
      configurations.map(({ metadata }) => metadata.name),
      ["osm-webhook-osm", "osm-validator-mesh-osm"],
    );
    assert.deepEqual(
      webhooks.filter(({ failurePolicy }) => failurePolicy === "Fail").map(({ name }) => name),
      ["osm-inject.k8s.io", "osm-validator.k8s.io", "osm-control-plane-validator.k8s.io"],
    );
  });

  for (const { name, clientConfig, namespaceSelector, sideEffects } of webhooks) {
    it(`${name} is served by a Service of the file`, () => {
      const { ports } = oneOf(OBJECTS, "Service", clientConfig.service.name)["spec"] as { ports: { port: number }[] };
      assert.ok(ports.some(({ port }) => port === clientConfig.service.port));
      assert.equal(sideEffects, "NoneOnDryRun");
    });

    it(`${name} keeps away from namespaces that are not its own`, () => {
      const byName = namespaceSelector.matchExpressions.find(({ key }) => key === "kubernetes.io/metadata.name");
      if (name.startsWith("osm-control-plane")) {
        assert.deepEqual(byName, { key: "kubernetes.io/metadata.name", operator: "In", values: ["osm-system"] });
        return;
      }
      assert.deepEqual(namespaceSelector.matchLabels, { "openservicemesh.io/monitored-by": "osm" });
      assert.equal(byName?.operator, "NotIn");
      for (const system of ["kube-system", "kube-public", "kube-node-lease", "osm-system"])
        assert.ok(byName?.values?.includes(system), system);
      const absent = namespaceSelector.matchExpressions.filter(({ operator }) => operator === "DoesNotExist");
      assert.deepEqual(
        absent.map(({ key }) => key),
        ["openservicemesh.io/ignore", "control-plane"],
      );
    });
  }
});

describe("permissions", () => {
  const rules = [...CLUSTER_RULES, ...NAMESPACE_RULES, ...BOOTSTRAP_RULES];

  it("use no wildcard, and none of the verbs that give away more", () => {
    const words = rules.flatMap(({ apiGroups, resources, verbs }) => [...apiGroups, ...resources, ...verbs]);
    assert.deepEqual(
      words.filter((word) => ["*", "escalate", "bind", "impersonate", "deletecollection"].includes(word)),
      [],
    );
  });

  const scope = { meshName: MESH_NAME, meshNamespace: MESH_NAMESPACE };
  for (const { group, plural, namespace } of [namespacesOf(scope), ...resourcesOf(scope)]) {
    it(`let ${plural} be watched, ${namespace === undefined ? "everywhere" : "in the mesh's namespace alone"}`, () => {
      const grants = (of: readonly Rule[]) =>
        of
          .filter(({ apiGroups, resources }) => apiGroups.includes(group) && resources.includes(plural))
          .some(({ verbs }) => verbs.includes("list") && verbs.includes("watch"));
      assert.deepEqual([grants(CLUSTER_RULES), grants(NAMESPACE_RULES)], [namespace === undefined, !!namespace]);
    });
  }

  for (const { resources, verbs, resourceNames = [] } of rules) {
    it(`README says why: ${resources.join(", ")} ${verbs.join(", ")}`, () => {
      const cells = [resources, [...verbs].sort(), resourceNames].map((words) =>
        words.map((word) => `\`${word}\``).join(", "),
      );
      const row = README.split("\n").find((line) => {
        const [, what, how, named] = line.split("|").map((cell) => cell.trim());
        return what === cells[0] && how === cells[1] && named === cells[2];
      });
      assert.notEqual(row, undefined, `no row | ${cells.join(" | ")} | …`);
    });
  }
});
