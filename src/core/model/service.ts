/**
 * Service: a name, its addresses and its ports.
 *
 * @module
 */
import type { Meta } from "./meta.ts";
import type { PortTransport } from "./port.ts";

export interface ServicePort {
  /** "" if unnamed. */
  readonly name: string;
  readonly port: number;
  readonly transport: PortTransport;
  /** A number or the name of a container's port. */
  readonly targetPort: number | string;
  readonly appProtocol?: string;
}

export interface Service {
  readonly kind: "Service";
  readonly meta: Meta;
  /** Empty: the Service selects no pods. */
  readonly selector: Readonly<Record<string, string>>;
  /** Empty when headless, or when none is assigned yet. */
  readonly clusterIps: readonly string[];
  readonly headless: boolean;
  readonly externalName?: string;
  readonly ports: readonly ServicePort[];
}
