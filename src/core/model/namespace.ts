/**
 * Namespace: its labels and annotations say whether it belongs to the mesh.
 *
 * @module
 */
import type { Meta } from "./meta.ts";

export interface Namespace {
  readonly kind: "Namespace";
  readonly meta: Meta;
}
