/**
 * The metadata that every object carries.
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../base/millis.ts";
import { fieldsOf, isLabel, isWhole, LabelName, SubdomainName, Text, TextMap } from "./fields.ts";
import { parseTimestamp } from "./timestamp.ts";

export interface Meta {
  /** "" for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  /** "" where the source gives none (files). */
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Epoch milliseconds; 0 if absent. */
  readonly createdAt: Millis;
  /** 0 if absent. */
  readonly generation: number;
}

/** Kubernetes' own default where a namespaced object names none. */
const DEFAULT_NAMESPACE = "default";

/** Fields of `metadata` that are read. Pods read more. */
export const METADATA_ENTRIES = {
  name: SubdomainName,
  namespace: v.pipe(Text, v.check(isNamespace, "a namespace of lower case letters, digits and '-', at most 63 long")),
  uid: Text,
  labels: TextMap,
  annotations: TextMap,
  creationTimestamp: v.nullish(v.unknown()),
  generation: v.nullish(v.unknown()),
};

export const Metadata = fieldsOf(METADATA_ENTRIES);
/** Of kinds whose name is a part of a host name. */
export const LabelMetadata = fieldsOf({ ...METADATA_ENTRIES, name: LabelName });

function isNamespace(text: string): boolean {
  return text === "" || isLabel(text);
}

/** The namespace that an object is in, given the one that it names. */
export function namespaceOf(namespaced: boolean, written: string): string {
  if (!namespaced) return "";
  return written === "" ? DEFAULT_NAMESPACE : written;
}

export function toMeta(read: v.InferOutput<typeof Metadata>, namespaced: boolean): Meta {
  const { name, namespace, uid, labels, annotations, creationTimestamp, generation } = read;
  return {
    namespace: namespaceOf(namespaced, namespace),
    name,
    uid,
    labels,
    annotations,
    createdAt: parseTimestamp(creationTimestamp),
    generation: isWhole(generation) ? generation : 0,
  };
}
