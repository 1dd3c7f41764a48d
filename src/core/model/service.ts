/**
 * Service: a name, its addresses and its ports.
 *
 * @module
 */
import * as v from "valibot";
import { fieldsOf, listOf, Port, Text, TextMap } from "./fields.ts";
import { defineKind, type Kind } from "./kind.ts";
import { LabelMetadata, type Meta } from "./meta.ts";
import { PortOrName, type PortTransport, Transport } from "./port.ts";

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

const Ports = v.pipe(
  listOf(
    fieldsOf({
      name: Text,
      port: Port,
      protocol: Transport,
      targetPort: v.pipe(
        v.nullish(v.unknown(), 0),
        v.transform((value) => (value === "" ? 0 : value)),
        v.union([v.literal(0), PortOrName], "a port from 1 to 65535 or the name of one"),
      ),
      appProtocol: Text,
    }),
  ),
  v.transform((ports) =>
    ports.map(
      ({ name, port, protocol, targetPort, appProtocol }): ServicePort => ({
        name,
        port,
        transport: protocol,
        targetPort: targetPort === 0 ? port : targetPort,
        ...(appProtocol === "" ? {} : { appProtocol }),
      }),
    ),
  ),
);

const Spec = fieldsOf({
  type: Text,
  selector: TextMap,
  clusterIP: Text,
  clusterIPs: listOf(Text),
  externalName: Text,
  ports: Ports,
});

export const Service: Kind<Service> = defineKind({
  kind: "Service",
  group: "",
  plural: "services",
  versions: ["v1"],
  fields: "theirs",
  schema: fieldsOf({ metadata: LabelMetadata, spec: v.nullish(Spec, {}) }),
  build: ({ spec }, meta): Service => {
    const ips = spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP];
    return {
      kind: "Service",
      meta,
      selector: spec.selector,
      clusterIps: ips.filter((ip) => ip !== "" && ip !== "None"),
      headless: ips.includes("None"),
      ...(spec.type === "ExternalName" ? { externalName: spec.externalName } : {}),
      ports: spec.ports,
    };
  },
});
