/**
 * EndpointSlice: a part of the addresses behind a Service.
 *
 * @module
 */
import type { ObjectRef } from "../base/ref.ts";
import type { Meta } from "./meta.ts";
import type { EndpointPort } from "./port.ts";

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** "" if none. */
  readonly hostname: string;
  readonly target?: ObjectRef;
}

export interface EndpointSlice {
  readonly kind: "EndpointSlice";
  readonly meta: Meta;
  /** Label `kubernetes.io/service-name`; "" if it belongs to none. */
  readonly service: string;
  /** `IPv4`, `IPv6` or `FQDN`. */
  readonly addressType: string;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly SliceEndpoint[];
}
