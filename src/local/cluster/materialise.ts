/**
 * What is desired and what runs → the objects that the control plane sees, and the machine's tables.
 *
 * @module
 */
import { compareText, keyOf, type ObjectRef, refText } from "../../core/base/ref.ts";
import type { EndpointSlice } from "../../core/model/endpoint-slice.ts";
import type { Endpoints } from "../../core/model/endpoints.ts";
import { parseObject } from "../../core/model/parse.ts";
import type { Service } from "../../core/model/service.ts";
import {
  MACHINE_ADDRESS,
  type NameTable,
  SERVICE_CIDR,
  type ServiceAddress,
  type ServiceName,
} from "../runtime/ports.ts";
import { AddressPool } from "./addresses.ts";
import type { DesiredObject } from "./desired.ts";
import { type Backends, buildSlices, type RunningPod, toServiceAddresses, toServiceName } from "./endpoints.ts";
import { toPodObject } from "./pod-record.ts";
import { MESH_NAMESPACE, XDS_ADDRESS } from "./ports.ts";
import { isRawObject, type RawObject, refOfRaw, withMetadata } from "./raw-object.ts";
import { CONTROLLER_NAME } from "./sidecar.ts";

/** `.0.1` is the API server's in a cluster and `.0.10` often the DNS server's: left free. */
const RESERVED_SERVICE_ADDRESSES = 16;
const WORKLOADS = new Set(["Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"]);

export interface MaterialisedObject {
  readonly ref: ObjectRef;
  readonly raw: RawObject;
}

export interface Materialised {
  readonly objects: readonly MaterialisedObject[];
  readonly addresses: readonly ServiceAddress[];
  readonly names: NameTable;
  readonly warnings: readonly string[];
}

/** Keeps the service addresses from one time to the next. */
export class Materialiser {
  readonly #pool = new AddressPool(SERVICE_CIDR, RESERVED_SERVICE_ADDRESSES);

  materialise(desired: readonly DesiredObject[], pods: readonly RunningPod[]): Materialised {
    const warnings: string[] = [];
    const services = this.#withAddresses(desired.flatMap(toServiceEntry), warnings);
    const slices = services.flatMap(({ service, publishNotReady }) => buildSlices(service, pods, publishNotReady));
    const backends = readBackends([...desired.map(({ raw }) => raw), ...slices]);
    const implied = impliedObjects(desired, pods, warnings);
    const objects = [
      ...implied,
      ...desired
        .filter(({ ref }) => ref.kind !== "Service" && !WORKLOADS.has(ref.kind))
        .map(({ raw }) => namedNamespace(raw)),
      ...services.map(({ raw }) => raw),
      ...pods.map(({ pod, view }) => toPodObject(pod, view)),
      ...slices,
    ];
    return {
      objects: objects.map((raw) => ({ ref: refOfRaw(raw), raw })),
      addresses: services.flatMap(({ service, ip }) =>
        ip === undefined ? [] : toServiceAddresses(service, ip, backends),
      ),
      names: {
        services: [
          CONTROLLER,
          ...services.filter(hasName).map(({ service, ip }) => toServiceName(service, ip, backends)),
        ],
      },
      warnings,
    };
  }

  #withAddresses(entries: readonly ServiceEntry[], warnings: string[]): readonly AddressedService[] {
    const present = new Set(entries.map(({ service }) => keyOf(service.meta)));
    for (const holder of this.#pool.holders()) if (!present.has(holder)) this.#pool.free(holder);
    // Those that ask for an address get theirs before the others take one at random.
    const asking = [...entries].sort((a, b) => b.service.clusterIps.length - a.service.clusterIps.length);
    return asking.map((entry) => this.#withAddress(entry, warnings)).sort((a, b) => compareText(a.key, b.key));
  }

  #withAddress({ service, raw, publishNotReady }: ServiceEntry, warnings: string[]): AddressedService {
    const key = keyOf(service.meta);
    if (service.headless || service.externalName !== undefined) {
      this.#pool.free(key);
      if (service.externalName !== undefined)
        warnings.push(`Service ${key}: osm local has no ExternalName services: its name does not resolve`);
      return { key, service, raw, publishNotReady, ip: undefined };
    }
    const [asked] = service.clusterIps;
    const given = asked !== undefined && this.#pool.takeExact(key, asked);
    if (asked !== undefined && !given) {
      warnings.push(
        `Service ${key}: clusterIP ${asked} is taken or outside ${SERVICE_CIDR}: another address was given`,
      );
    }
    const ip = this.#pool.take(key);
    const spec = isRawObject(raw["spec"]) ? raw["spec"] : {};
    const type = typeof spec["type"] === "string" && spec["type"] !== "" ? spec["type"] : "ClusterIP";
    const addressed = { ...raw, spec: { ...spec, type, clusterIP: ip, clusterIPs: [ip] } };
    return { key, service, raw: addressed, publishNotReady, ip };
  }
}

interface ServiceEntry {
  readonly service: Service;
  readonly raw: RawObject;
  readonly publishNotReady: boolean;
}

interface AddressedService extends ServiceEntry {
  readonly key: string;
  /** Absent for a headless one and for an ExternalName. */
  readonly ip: string | undefined;
}

const CONTROLLER: ServiceName = {
  namespace: MESH_NAMESPACE,
  name: CONTROLLER_NAME,
  ports: [{ port: XDS_ADDRESS.port, protocol: "tcp" }],
  endpoints: [{ ip: MACHINE_ADDRESS }],
};

function hasName({ service }: AddressedService): boolean {
  return service.externalName === undefined;
}

function toServiceEntry({ raw }: DesiredObject): readonly ServiceEntry[] {
  const parsed = parseObject(raw);
  if (parsed?.ok !== true || parsed.value.kind !== "Service") return [];
  const spec = isRawObject(raw["spec"]) ? raw["spec"] : {};
  return [{ service: parsed.value, raw, publishNotReady: spec["publishNotReadyAddresses"] === true }];
}

function readBackends(raws: readonly RawObject[]): Backends {
  const slices: EndpointSlice[] = [];
  const endpoints: Endpoints[] = [];
  for (const raw of raws) {
    if (raw["kind"] !== "EndpointSlice" && raw["kind"] !== "Endpoints") continue;
    const parsed = parseObject(raw);
    if (parsed?.ok !== true) continue;
    if (parsed.value.kind === "EndpointSlice") slices.push(parsed.value);
    if (parsed.value.kind === "Endpoints") endpoints.push(parsed.value);
  }
  return { slices, endpoints };
}

/**
 * Namespaces and service accounts that nobody wrote down but that are used. A cluster would refuse such objects and
 * pods; on one machine the way to the first success is shorter without.
 */
function impliedObjects(
  desired: readonly DesiredObject[],
  pods: readonly RunningPod[],
  warnings: string[],
): readonly RawObject[] {
  const written = new Set(desired.map(({ ref }) => refText(ref)));
  const namespaces = new Set([
    ...desired.map(({ ref }) => ref.namespace),
    ...pods.map(({ pod }) => pod.facts.namespace),
  ]);
  namespaces.delete("");
  const accounts = new Set<string>();
  for (const namespace of namespaces) accounts.add(keyOf({ namespace, name: "default" }));
  for (const { pod } of pods) {
    const { namespace, serviceAccount: name } = pod.facts;
    const key = keyOf({ namespace, name });
    const missing = name !== "default" && !written.has(refText({ kind: "ServiceAccount", namespace, name }));
    if (missing && !accounts.has(key))
      warnings.push(`ServiceAccount ${key} is not in the manifests: a cluster would refuse its pods`);
    accounts.add(key);
  }
  const objects: RawObject[] = [
    ...[...namespaces]
      .sort(compareText)
      .map((name) => namedNamespace({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...[...accounts].sort(compareText).map((key) => {
      const [namespace = "", name = ""] = key.split("/");
      return { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } };
    }),
  ];
  return objects.filter((raw) => !written.has(refText(refOfRaw(raw))));
}

/** The label that Kubernetes puts on every Namespace. */
function namedNamespace(raw: RawObject): RawObject {
  if (raw["kind"] !== "Namespace") return raw;
  const metadata = isRawObject(raw["metadata"]) ? raw["metadata"] : {};
  const labels = isRawObject(metadata["labels"]) ? metadata["labels"] : {};
  return withMetadata(raw, { labels: { ...labels, "kubernetes.io/metadata.name": metadata["name"] } });
}
