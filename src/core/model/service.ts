/**
 * Service: a name, its addresses and its ports.
 *
 * @module
 */
import * as v from "valibot";
import { type Millis, parseDuration } from "../base/millis.ts";
import type { Report } from "../base/report.ts";
import { fieldsOf, listOf, Port, Text, TextMap } from "./fields.ts";
import { show } from "./issues.ts";
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
  readonly timeouts: ServiceTimeouts;
  /** Whether requests to it are shown to the external authoriser; absent: as the MeshConfig says. */
  readonly authorization?: "enabled" | "disabled";
}

/** What the mesh's callers of a Service are bounded by; what is absent, the MeshConfig says. 0: any time. */
export interface ServiceTimeouts {
  readonly request?: Millis;
  readonly idle?: Millis;
}

const REQUEST_TIMEOUT = "openservicemesh.io/request-timeout";
const IDLE_TIMEOUT = "openservicemesh.io/idle-timeout";
export const AUTHORIZATION = "openservicemesh.io/inbound-external-authorization";

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
  build: ({ spec }, meta, report): Service => {
    const ips = spec.clusterIPs.length > 0 ? spec.clusterIPs : [spec.clusterIP];
    return {
      kind: "Service",
      meta,
      selector: spec.selector,
      clusterIps: ips.filter((ip) => ip !== "" && ip !== "None"),
      headless: ips.includes("None"),
      ...(spec.type === "ExternalName" ? { externalName: spec.externalName } : {}),
      ports: spec.ports,
      timeouts: timeoutsOf(meta, report),
      ...authorizationOf(meta, report),
    };
  },
});

function authorizationOf({ annotations }: Meta, report: Report): Pick<Service, "authorization"> {
  const text = annotations[AUTHORIZATION];
  if (text === "enabled" || text === "disabled") return { authorization: text };
  if (text === undefined) return {};
  const message = `must be enabled or disabled, but is ${show(text)}; what the MeshConfig says is in force`;
  report("field-invalid", `metadata.annotations[${AUTHORIZATION}]`, message);
  return {};
}

function timeoutsOf({ annotations }: Meta, report: Report): ServiceTimeouts {
  const request = timeoutIn(annotations, REQUEST_TIMEOUT, report);
  const idle = timeoutIn(annotations, IDLE_TIMEOUT, report);
  return { ...(request === undefined ? {} : { request }), ...(idle === undefined ? {} : { idle }) };
}

/** A bad one counts as none: it would be wrong to leave the whole Service out of the mesh for it. */
function timeoutIn(annotations: Meta["annotations"], name: string, report: Report): Millis | undefined {
  const text = annotations[name];
  if (text === undefined) return undefined;
  const span = parseDuration(text.trim());
  if (span !== undefined && span >= 0) return span;
  const message = `must be a duration such as "30s", or "0s" for any time, but is ${show(text)}; the MeshConfig's is in force`;
  report("field-invalid", `metadata.annotations[${name}]`, message);
  return undefined;
}
