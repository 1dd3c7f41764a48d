/**
 * Namespace: its labels and annotations say whether it belongs to the mesh.
 *
 * @module
 */
import { fieldsOf } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { LabelMetadata, type Meta } from "./meta.ts";

/** The label that makes a namespace a member of the mesh that it names. */
export const MONITORED_BY = "openservicemesh.io/monitored-by";

export interface Namespace {
  readonly kind: "Namespace";
  readonly meta: Meta;
}

export const Namespace: Kind<Namespace> = defineKind({
  kind: "Namespace",
  group: "",
  plural: "namespaces",
  versions: ["v1"],
  scope: "cluster",
  fields: "theirs",
  schema: fieldsOf({ metadata: LabelMetadata }),
  build: (_, meta): Namespace => ({ kind: "Namespace", meta }),
});
