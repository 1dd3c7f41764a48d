/**
 * ServiceAccount: the identity that pods run under.
 *
 * @module
 */
import { fieldsOf } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { type Meta, Metadata } from "./meta.ts";

export interface ServiceAccount {
  readonly kind: "ServiceAccount";
  readonly meta: Meta;
}

export const ServiceAccount: Kind<ServiceAccount> = defineKind({
  kind: "ServiceAccount",
  group: "",
  plural: "serviceaccounts",
  versions: ["v1"],
  fields: "theirs",
  schema: fieldsOf({ metadata: Metadata }),
  build: (_, meta): ServiceAccount => ({ kind: "ServiceAccount", meta }),
});
