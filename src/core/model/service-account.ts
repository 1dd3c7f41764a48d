/**
 * ServiceAccount: the identity that pods run under.
 *
 * @module
 */
import type { Meta } from "./meta.ts";

export interface ServiceAccount {
  readonly kind: "ServiceAccount";
  readonly meta: Meta;
}
