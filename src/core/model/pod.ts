/**
 * Pod, as the control plane sees it: who it is, where it is and whether it is ready. How its containers run is in
 * `pod-spec.ts`.
 *
 * @module
 */
import type { Meta } from "./meta.ts";
import type { ContainerPort } from "./port.ts";

export interface Pod {
  readonly kind: "Pod";
  readonly meta: Meta;
  readonly serviceAccount: string;
  /** `status.podIPs`, or `status.podIP` alone. */
  readonly ips: readonly string[];
  /** Condition `Ready`. */
  readonly ready: boolean;
  /** `status.phase`; "" before there is a status. */
  readonly phase: string;
  /** It has a deletion timestamp. */
  readonly terminating: boolean;
  readonly hostNetwork: boolean;
  readonly hostname: string;
  readonly subdomain: string;
  readonly nodeName: string;
  /** Label `osm-proxy-uuid`, in lower case. */
  readonly proxyUuid?: string;
  /** Of all containers, init containers included. */
  readonly containerPorts: readonly ContainerPort[];
  /** The owner that controls it. */
  readonly owner?: { readonly kind: string; readonly name: string };
}
