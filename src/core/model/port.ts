/**
 * Ports as pods, Services and endpoints declare them.
 *
 * @module
 */
import * as v from "valibot";
import { fieldsOf, filled, listOf, Port, Text } from "./fields.ts";

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

/** TCP if absent. */
export const Transport = filled(v.picklist(["TCP", "UDP", "SCTP"], "TCP, UDP or SCTP"), "TCP");

const PORT_NUMBER = /^\d{1,5}$/;

/** A port's number or its name. A number in quotes is the number. */
export const PortOrName = v.pipe(
  v.unknown(),
  v.transform((value) => (typeof value === "string" && PORT_NUMBER.test(value) ? Number(value) : value)),
  v.custom<number | string>(isPortOrName, "a port from 1 to 65535 or the name of one"),
);

function isPortOrName(value: unknown): boolean {
  return typeof value === "string" ? value !== "" : v.is(Port, value);
}

export const ContainerPorts = v.pipe(
  listOf(fieldsOf({ name: Text, containerPort: Port, protocol: Transport })),
  v.transform((ports) =>
    ports.map(
      ({ name, containerPort, protocol }): ContainerPort => ({ name, port: containerPort, transport: protocol }),
    ),
  ),
);

/** Of Endpoints and EndpointSlices. A port without a number (any port) is left out: no Service leads there. */
export const EndpointPorts = v.pipe(
  listOf(fieldsOf({ name: Text, port: v.nullish(Port), protocol: Transport, appProtocol: Text })),
  v.transform((ports) =>
    ports.flatMap(({ name, port, protocol, appProtocol }): readonly EndpointPort[] =>
      port == null ? [] : [{ name, port, transport: protocol, ...(appProtocol === "" ? {} : { appProtocol }) }],
    ),
  ),
);
