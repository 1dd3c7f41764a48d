/**
 * The two multi-cluster kinds that OSM installed. They have no effect, as in OSM; objects of them stay where they are.
 *
 * @module
 */
import type { Column, Resource } from "./crd.ts";
import { choice, list, object, type Schema, says, text, whole } from "./schema.ts";

const GROUP = "multicluster.x-k8s.io";
const AGE: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
const INT32: Schema = { type: "integer", format: "int32" };

const CONDITION = object(
  {
    type: text(undefined, { maxLength: 316 }),
    status: choice(["True", "False", "Unknown"]),
    reason: text(undefined, { minLength: 1, maxLength: 1024 }),
    message: text(undefined, { maxLength: 32_768 }),
    lastTransitionTime: text(undefined, { format: "date-time" }),
    observedGeneration: { ...whole(0), format: "int64" },
  },
  ["lastTransitionTime", "message", "reason", "status", "type"],
);

const IMPORT_SPEC = object(
  {
    ips: list(text(), { maxItems: 1 }),
    ports: list(object({ name: text(), protocol: text(), appProtocol: text(), port: INT32 }, ["port"]), {
      "x-kubernetes-list-type": "atomic",
    }),
    sessionAffinity: text(),
    sessionAffinityConfig: object({ clientIP: object({ timeoutSeconds: INT32 }) }),
    type: choice(["ClusterSetIP", "Headless"]),
  },
  ["ports", "type"],
);

const EXPORT_STATUS = object({
  conditions: list(CONDITION, { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"] }),
});
const IMPORT_STATUS = object({
  clusters: list(object({ cluster: text() }, ["cluster"]), {
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["cluster"],
  }),
});

export const MCS_KINDS: readonly Resource[] = [
  {
    group: GROUP,
    kind: "ServiceExport",
    plural: "serviceexports",
    short: "svcex",
    versions: [
      {
        name: "v1alpha1",
        storage: true,
        status: true,
        columns: [AGE],
        schema: says("Has no effect in this mesh.", object({ status: EXPORT_STATUS })),
      },
    ],
  },
  {
    group: GROUP,
    kind: "ServiceImport",
    plural: "serviceimports",
    short: "svcim",
    versions: [
      {
        name: "v1alpha1",
        storage: true,
        status: true,
        columns: [
          { name: "Type", type: "string", jsonPath: ".spec.type" },
          { name: "IP", type: "string", jsonPath: ".spec.ips" },
          AGE,
        ],
        schema: says("Has no effect in this mesh.", object({ spec: IMPORT_SPEC, status: IMPORT_STATUS })),
      },
    ],
  },
];
