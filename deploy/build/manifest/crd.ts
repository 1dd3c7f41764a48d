/**
 * One custom resource definition out of what differs between them.
 *
 * @module
 */
import type { Schema } from "./schema.ts";

export interface Column {
  readonly name: string;
  readonly type: "string" | "date";
  readonly jsonPath: string;
  readonly description?: string;
}

export interface Version {
  readonly name: string;
  /** Of the whole object. */
  readonly schema: Schema;
  /** Exactly one version has it. */
  readonly storage?: true;
  /** Declared, so that objects stored long ago stay in place, and not to be asked for. */
  readonly served?: boolean;
  readonly deprecationWarning?: string;
  readonly columns?: readonly Column[];
  readonly status?: true;
}

export interface Resource {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly short: string;
  readonly versions: readonly Version[];
}

/**
 * Every OSM kind is namespaced and converts by name alone: a webhook for conversion that is away blocks the deletion of
 * whole namespaces.
 */
export function crd(
  { group, kind, plural, short, versions }: Resource,
  labels: Readonly<Record<string, string>>,
): Schema {
  if (versions.filter(({ storage }) => storage).length !== 1) throw new Error(`${kind} has not one stored version`);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}`, labels },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: [short] },
      conversion: { strategy: "None" },
      versions: versions.map(toVersion),
    },
  };
}

function toVersion({ name, schema, storage, served = true, deprecationWarning, columns, status }: Version): Schema {
  return {
    name,
    served,
    storage: storage ?? false,
    ...(deprecationWarning === undefined ? {} : { deprecated: true, deprecationWarning }),
    ...(columns === undefined ? {} : { additionalPrinterColumns: columns }),
    ...(status ? { subresources: { status: {} } } : {}),
    schema: { openAPIV3Schema: schema },
  };
}
