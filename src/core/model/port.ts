/**
 * Ports as pods, Services and endpoints declare them.
 *
 * @module
 */
export type PortTransport = "TCP" | "UDP" | "SCTP";

export interface ContainerPort {
  /** "" if unnamed. */
  readonly name: string;
  readonly port: number;
  readonly transport: PortTransport;
}

/** A port of Endpoints or of an EndpointSlice. */
export interface EndpointPort {
  readonly name: string;
  readonly port: number;
  readonly transport: PortTransport;
  readonly appProtocol?: string;
}
