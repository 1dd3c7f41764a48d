/**
 * Endpoints: the addresses behind a Service of the same name.
 *
 * @module
 */
import type { ObjectRef } from "../base/ref.ts";
import type { Meta } from "./meta.ts";
import type { EndpointPort } from "./port.ts";

export interface EndpointAddress {
  readonly ip: string;
  /** "" if none. */
  readonly hostname: string;
  readonly target?: ObjectRef;
}

export interface EndpointSubset {
  readonly addresses: readonly EndpointAddress[];
  readonly notReady: readonly EndpointAddress[];
  readonly ports: readonly EndpointPort[];
}

export interface Endpoints {
  readonly kind: "Endpoints";
  readonly meta: Meta;
  readonly subsets: readonly EndpointSubset[];
}
