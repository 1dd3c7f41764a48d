/**
 * References to objects of the same namespace (Kubernetes' TypedLocalObjectReference).
 *
 * @module
 */
import { fieldsOf, NameText } from "./fields.ts";

export interface LocalRef {
  /** As written; OSM's users write the version too: `specs.smi-spec.io/v1alpha4`. */
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

export const LocalRefFields = fieldsOf({ apiGroup: NameText, kind: NameText, name: NameText });
