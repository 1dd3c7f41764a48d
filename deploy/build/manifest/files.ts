/**
 * The text of `deploy/osm.yaml` and `deploy/ha.yaml`.
 *
 * @module
 */
import { stringify } from "yaml";
import { SHARED_LABELS } from "../names.ts";
import { CONFIG_KINDS } from "./config-kinds.ts";
import { availabilityObjects, controlPlaneObjects, namespaceObject } from "./control-plane.ts";
import { crd, type Resource } from "./crd.ts";
import { MCS_KINDS } from "./mcs-kinds.ts";
import { POLICY_KINDS } from "./policy-kinds.ts";
import { rbacObjects } from "./rbac.ts";
import type { Schema } from "./schema.ts";
import { SMI_KINDS } from "./smi-kinds.ts";
import { webhookObjects } from "./webhooks.ts";

const RESOURCES: readonly Resource[] = [...CONFIG_KINDS, ...POLICY_KINDS, ...SMI_KINDS, ...MCS_KINDS];

const OSM_HEAD = [
  "The mesh: kubectl apply -f osm.yaml. Nothing to fill in; see README.md beside this file.",
  "Made by `npm run manifests`; edit deploy/build/manifest/ instead.",
];
const HA_HEAD = [
  "At least three replicas of the control plane: kubectl apply -f ha.yaml, after osm.yaml.",
  "Made by `npm run manifests`; edit deploy/build/manifest/ instead.",
];

/** By file name, relative to `deploy/`. */
export function manifestFiles(): Readonly<Record<string, string>> {
  return { "osm.yaml": toYaml(OSM_HEAD, meshObjects()), "ha.yaml": toYaml(HA_HEAD, availabilityObjects()) };
}

/** In the order in which they are applied: what others need comes first. */
function meshObjects(): readonly Schema[] {
  return [
    namespaceObject(),
    ...RESOURCES.map((resource) => crd(resource, SHARED_LABELS)),
    ...rbacObjects(),
    ...controlPlaneObjects(),
    ...webhookObjects(),
  ];
}

function toYaml(head: readonly string[], objects: readonly Schema[]): string {
  // Kubernetes reads YAML 1.1, where a bare `off` is no text. Aliases are legal and nobody's friend.
  const options = { version: "1.1", aliasDuplicateObjects: false, lineWidth: 0, singleQuote: false } as const;
  const documents = objects.map((object) => stringify(object, options));
  return `${head.map((line) => `# ${line}\n`).join("")}${documents.join("---\n")}`;
}
