/**
 * Validates objects as the API server does with the definitions of `deploy/osm.yaml`.
 *
 * @module
 */
import { join } from "node:path";
import { Ajv, type ValidateFunction } from "ajv";
import { DEPLOY, type KubernetesObject, objectsIn } from "./documents.ts";

export interface Definition {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly short: string;
  readonly versions: readonly DefinedVersion[];
}

export interface DefinedVersion {
  readonly name: string;
  readonly served: boolean;
  readonly storage: boolean;
  readonly schema: Record<string, unknown>;
  readonly columns: readonly string[];
  readonly hasStatus: boolean;
}

interface CrdSpec {
  readonly group: string;
  readonly names: { readonly kind: string; readonly plural: string; readonly shortNames: readonly [string] };
  readonly versions: readonly {
    readonly name: string;
    readonly served: boolean;
    readonly storage: boolean;
    readonly schema: { readonly openAPIV3Schema: Record<string, unknown> };
    readonly additionalPrinterColumns?: readonly { readonly name: string }[];
    readonly subresources?: { readonly status?: object };
  }[];
}

export const DEFINITIONS: readonly Definition[] = objectsIn(join(DEPLOY, "osm.yaml"))
  .filter(({ kind }) => kind === "CustomResourceDefinition")
  .map(({ spec }) => toDefinition(spec as CrdSpec));

/** The version that an object is written in, or undefined if it is of none of our kinds. */
export function versionOf({ apiVersion, kind }: KubernetesObject): DefinedVersion | undefined {
  const [group, version] = apiVersion.split("/");
  const found = DEFINITIONS.find((one) => one.group === group && one.kind === kind);
  return found?.versions.find(({ name, served }) => name === version && served);
}

/** What the API server would say about it: "" if it takes it. */
export function complaints(object: KubernetesObject): string {
  const version = versionOf(object);
  if (version === undefined) return `${object.apiVersion} ${object.kind} is not served`;
  const validate = validator(version);
  return validate(object) ? "" : ajv.errorsText(validate.errors, { dataVar: "" });
}

/** The object with what the API server fills in. */
export function withDefaults(object: KubernetesObject): KubernetesObject {
  const copy = structuredClone(object);
  const version = versionOf(object);
  if (version !== undefined) filling.compile(version.schema)(copy);
  return copy;
}

// The keywords that begin with x-kubernetes are not of JSON Schema; formats there are only notes on integers.
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
const filling = new Ajv({ strict: false, validateFormats: false, useDefaults: true });
const validators = new Map<DefinedVersion, ValidateFunction>();

function validator(version: DefinedVersion): ValidateFunction {
  const known = validators.get(version) ?? ajv.compile(version.schema);
  validators.set(version, known);
  return known;
}

function toDefinition({ group, names, versions }: CrdSpec): Definition {
  return {
    group,
    kind: names.kind,
    plural: names.plural,
    short: names.shortNames[0],
    versions: versions.map(({ name, served, storage, schema, additionalPrinterColumns = [], subresources }) => ({
      name,
      served,
      storage,
      schema: schema.openAPIV3Schema,
      columns: additionalPrinterColumns.map((column) => column.name),
      hasStatus: subresources?.status !== undefined,
    })),
  };
}
