/**
 * `deploy/upgrade.md`, command by command, over what an OSM 1.2 leaves in a cluster.
 *
 * Begins by taking away whatever mesh the cluster has, and ends with a fresh one.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { stringify } from "yaml";
import { CLUSTER_RULES } from "../../deploy/build/manifest/rbac.ts";
import { IMAGES } from "../../deploy/build/names.ts";
import { runCommand } from "../../src/local/tools/command.ts";
import { DEPLOY, type KubernetesObject, objectsIn } from "../deploy/documents.ts";
import { eventually, kubectl, requireCluster } from "./kubectl.ts";

const HERE = import.meta.dirname;
const WAIT = { timeout: 300_000 };
const WEBHOOKS = [
  ["mutatingwebhookconfiguration", "osm-webhook-osm"],
  ["validatingwebhookconfiguration", "osm-validator-mesh-osm"],
] as const;

/** As the commands of the guide find it: beside a folder `deploy`. */
const work = mkdtempSync(join(tmpdir(), "osm-upgrade-"));
const CRDS = objectsIn(join(DEPLOY, "osm.yaml")).filter(({ kind }) => kind === "CustomResourceDefinition");
const OLD_OBJECTS = objectsIn(join(HERE, "osm-1.2-objects.yaml"));

before(requireCluster);
before(async () => {
  symlinkSync(DEPLOY, join(work, "deploy"));
  await removeMesh();
  await installOld();
}, WAIT);
after(async () => {
  rmSync(work, { recursive: true, force: true });
  await removeMesh();
  await kubectl(["apply", "-f", join(DEPLOY, "osm.yaml")]);
}, WAIT);

describe("upgrade.md [e2e_upgrade]", () => {
  it("leaves settings, policies and the root as they were, and takes over the rest", WAIT, async () => {
    const untouched = ["secret/osm-ca-bundle -n osm-system", ...OLD_OBJECTS.map(address)];
    const kept = await Promise.all(untouched.map(versionOfStored));

    const commands = wayThere();
    assert.ok(commands.length >= 6, commands.join("\n"));
    for (const command of commands) await runCommand(["sh", "-c", `cd ${work} && ${command}`], { timeout: 60_000 });

    assert.deepEqual(await Promise.all(untouched.map(versionOfStored)), kept, "an object was rewritten");
    assert.match(readFileSync(join(work, "osm-policies.yaml"), "utf8"), /kind: TrafficTarget/);
    assert.match(readFileSync(join(work, "osm-ca-bundle.yaml"), "utf8"), /private\.key/);
  });

  it("reads a root without a role as the active one", async () => {
    const said = await kubectl([
      "-n",
      "osm-system",
      "get",
      "mrc",
      "osm-mesh-root-certificate",
      "-o",
      "jsonpath={.spec.role}",
    ]);
    assert.equal(said, "active");
  });

  it("leaves one Deployment, ours alone", async () => {
    const path = "{range .items[*]}{.metadata.name} {..containers[*].image} {..initContainers[*].name};{end}";
    const said = await kubectl(["-n", "osm-system", "get", "deployments", "-o", `jsonpath=${path}`]);
    assert.equal(said.replaceAll(" ;", ";"), `osm-controller ${IMAGES.osm};`);
  });

  it("leads all Services to it", async () => {
    const path = "{range .items[*]}{.metadata.name}={.spec.selector} {.spec.ports[*].targetPort};{end}";
    const said = await kubectl(["-n", "osm-system", "get", "services", "-o", `jsonpath=${path}`]);
    const selector = '{"app":"osm-controller"}';
    const [controller, injector, validator, ...more] = said.split(";");
    assert.match(controller ?? "", new RegExp(`^osm-controller=${selector} `));
    for (const port of ["xds", "api", "http"]) assert.match(controller ?? "", new RegExp(`\\b${port}\\b`));
    assert.deepEqual([injector, validator], [`osm-injector=${selector} webhook`, `osm-validator=${selector} webhook`]);
    assert.deepEqual(more, [""]);
  });

  it("takes the permissions away that only OSM needed", async () => {
    const { rules } = JSON.parse(await kubectl(["get", "clusterrole", "osm", "-o", "json"]));
    assert.deepEqual(rules, CLUSTER_RULES);
  });

  it("replaces the webhooks, and keeps a certificate that is there", async () => {
    const [mutating, validating] = await Promise.all(
      WEBHOOKS.map(async ([kind, name]) => JSON.parse(await kubectl(["get", kind, name, "-o", "json"]))),
    );
    assert.equal(mutating.webhooks.length, 1);
    assert.deepEqual(mutating.webhooks[0].rules[0].apiGroups, [""]);
    assert.ok(mutating.webhooks[0].clientConfig.caBundle.length > 0);
    assert.equal(validating.webhooks.length, 4);
  });

  it("leaves nothing of Helm's to uninstall", async () => {
    assert.equal(await kubectl(["-n", "osm-system", "get", "secrets", "-l", "owner=helm", "-o", "name"]), "");
    const presets = await kubectl(["-n", "osm-system", "get", "configmaps", "-o", "name"]);
    assert.doesNotMatch(presets, /preset/);
  });
});

/** The commands of the guide. What waits for pods is left out: whether they run is for other tests. */
function wayThere(): string[] {
  const guide = readFileSync(join(DEPLOY, "upgrade.md"), "utf8");
  const [, section = ""] = guide.split("## The way there");
  const [there = ""] = section.split("\n## ");
  return [...there.matchAll(/```sh\n([\s\S]*?)```/g)]
    .flatMap(([, block = ""]) => block.split("\n").map((line) => line.trim()))
    .filter((line) => line !== "" && !line.includes(" rollout "));
}

async function removeMesh(): Promise<void> {
  for (const [kind, name] of WEBHOOKS) await kubectl(["delete", kind, name, "--ignore-not-found"]);
  await kubectl(["delete", "namespace", "upgrade-test", "--ignore-not-found"]);
  await kubectl(["delete", "-f", join(DEPLOY, "osm.yaml"), "--ignore-not-found"]);
}

async function installOld(): Promise<void> {
  const chart = objectsIn(join(HERE, "osm-1.2.yaml"));
  const namespaces = chart.filter(({ kind }) => kind === "Namespace");
  await kubectl(["create", "-f", "-"], yaml(namespaces));
  // OSM's bootstrap wrote the annotation that `kubectl apply` compares with.
  await kubectl(["apply", "-f", "-"], yaml(CRDS.map(toOld)));
  await kubectl(["wait", "crd", "--for=condition=Established", ...CRDS.map(({ metadata }) => metadata.name)]);
  await eventually(["api-resources", "--api-group=policy.openservicemesh.io"], (all) => all.includes("Telemetry"));
  await kubectl(["create", "-f", "-"], yaml(OLD_OBJECTS));
  await kubectl(["create", "-f", "-"], yaml(chart.filter(({ kind }) => kind !== "Namespace")));
}

/** OSM 1.2's definition of a root of trust knew no role; the others are as they are today. */
function toOld(crd: KubernetesObject): KubernetesObject {
  const copy = structuredClone(crd);
  if (!copy.metadata.name.startsWith("meshrootcertificates")) return copy;
  const { versions } = copy["spec"] as {
    versions: {
      schema: { openAPIV3Schema: { properties: { spec: { required: string[]; properties: Record<string, object> } } } };
    }[];
  };
  for (const { schema } of versions) {
    const { spec } = schema.openAPIV3Schema.properties;
    spec.required = ["provider"];
    delete spec.properties["role"];
    delete spec.properties["spiffeEnabled"];
  }
  return copy;
}

function address({ apiVersion, kind, metadata }: KubernetesObject): string {
  return `${kind}.${apiVersion.split("/")[0]}/${metadata.name} -n ${metadata.namespace}`;
}

async function versionOfStored(what: string): Promise<string> {
  return await kubectl(["get", ...what.split(" "), "-o", "jsonpath={.metadata.uid} {.metadata.resourceVersion}"]);
}

function yaml(objects: readonly object[]): string {
  return objects.map((object) => stringify(object, { version: "1.1" })).join("---\n");
}
