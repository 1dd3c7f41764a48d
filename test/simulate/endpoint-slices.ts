/**
 * What Kubernetes itself adds to Services: the addresses of the ready pods that they select.
 *
 * @module
 */
import { Pod } from "../../src/core/model/pod.ts";
import { Service, type ServicePort } from "../../src/core/model/service.ts";
import type { RawObject } from "./objects.ts";

/** One EndpointSlice for each port of each Service that selects pods. */
export function endpointSlices(objects: readonly RawObject[]): readonly RawObject[] {
  const pods = objects.flatMap((raw) => (raw.kind === "Pod" ? [read(Pod.parse(raw))] : []));
  const services = objects.flatMap((raw) => (raw.kind === "Service" ? [read(Service.parse(raw))] : []));
  return services
    .filter(({ selector }) => Object.keys(selector).length > 0)
    .flatMap((service) => {
      const behind = pods.filter(({ meta, ready }) => ready && meta.namespace === service.meta.namespace);
      const selected = behind.filter(({ meta }) =>
        Object.entries(service.selector).every(([name, value]) => meta.labels[name] === value),
      );
      return service.ports.flatMap((port, i) => slicesOfPort(service, port, i, selected));
    });
}

/** A named target port can be another number in every pod: pods of one number share a slice. */
function slicesOfPort(service: Service, port: ServicePort, index: number, pods: readonly Pod[]): readonly RawObject[] {
  const byNumber = new Map<number, Pod[]>();
  for (const pod of pods) {
    const number = numberIn(pod, port.targetPort);
    if (number !== undefined) byNumber.set(number, [...(byNumber.get(number) ?? []), pod]);
  }
  return [...byNumber].map(([number, members]) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${service.meta.name}-${index}-${number}`,
      namespace: service.meta.namespace,
      labels: { "kubernetes.io/service-name": service.meta.name },
    },
    addressType: "IPv4",
    ports: [{ name: port.name, port: number, protocol: port.transport }],
    endpoints: members.map((pod) => ({
      addresses: pod.ips,
      conditions: { ready: true },
      ...(pod.subdomain === service.meta.name && pod.hostname !== "" && { hostname: pod.hostname }),
      targetRef: { kind: "Pod", namespace: pod.meta.namespace, name: pod.meta.name },
    })),
  }));
}

function numberIn(pod: Pod, target: number | string): number | undefined {
  return typeof target === "number" ? target : pod.containerPorts.find(({ name }) => name === target)?.port;
}

function read<T>(parsed: { readonly ok: true; readonly value: T } | { readonly ok: false }): T {
  if (!parsed.ok) throw new Error("a test's object does not parse");
  return parsed.value;
}
