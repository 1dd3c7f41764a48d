/**
 * Egress objects and IngressBackends of all sorts, many of which are in each other's way.
 *
 * @module
 */
import fc from "fast-check";
import { egress, ingressBackend, type RawObject } from "./objects.ts";

const NAMESPACES = ["n0", "n1"] as const;
const HOSTS = ["s0.n0", "*.n1", "www.example.org", "*.example.org", "10.1.2.3"];
const RANGES = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "172.16.0.0/12", "fd00::/8"];
const SNI = ["www.example.org", "*.example.org", "s0.n0.svc.cluster.local", "*.svc.cluster.local"];

const inNamespace = fc.constantFrom(...NAMESPACES);
const age = fc.constantFrom("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z");
const some = (all: readonly string[]) => fc.subarray([...all], { maxLength: 3 });

const anyEgress = fc.record({
  space: inNamespace,
  createdAt: age,
  from: fc.uniqueArray(fc.constantFrom("n0/red", "n0/green", "n1/red"), { minLength: 1 }),
  hosts: some(HOSTS),
  ranges: some(RANGES),
  ports: fc.dictionary(
    fc.constantFrom("80", "443", "92"),
    fc.constantFrom("http", "https", "tcp", "tcp-server-first"),
    {
      minKeys: 1,
    },
  ),
  routes: fc.subarray(["g", "gone"]),
  setting: fc.option(fc.constantFrom("few", "many", "gone"), { nil: undefined, freq: 2 }),
});

const anyBackend = fc.record({
  service: fc.constantFrom("s0", "s1", "s2", "gone"),
  port: fc.constantFrom(80, 8080, 9090, 7070),
  protocol: fc.constantFrom("http", "https"),
  tls: fc.record({ skipClientCertValidation: fc.boolean(), sniHosts: some(SNI) }),
});
const anySource = fc.oneof(
  fc.record({ kind: fc.constant("Service"), namespace: inNamespace, name: fc.constantFrom("s0", "s1", "gone") }),
  fc.record({ kind: fc.constant("IPRange"), name: fc.constantFrom(...RANGES) }),
  fc.record({ kind: fc.constant("AuthenticatedPrincipal"), name: fc.constantFrom("*", "gate.example.org") }),
);
const anyIngress = fc.record({
  space: inNamespace,
  createdAt: age,
  to: fc.uniqueArray(anyBackend, { minLength: 1, maxLength: 3, selector: ({ service, port }) => `${service} ${port}` }),
  from: fc.array(anySource, { maxLength: 3 }),
  routes: fc.subarray(["g", "gone"]),
});

/** Egress objects `e<i>`, IngressBackends `i<i>`, and the UpstreamTrafficSettings that the former refer to. */
export function anyEdge(): fc.Arbitrary<readonly RawObject[]> {
  return fc
    .tuple(fc.array(anyEgress, { maxLength: 5 }), fc.array(anyIngress, { maxLength: 4 }))
    .map(([out, ingress]) => [
      ...NAMESPACES.flatMap((name) => [setting(`${name}/few`, 1), setting(`${name}/many`, 100)]),
      ...out.map(({ space, setting: limits, ...of }, i) =>
        egress(`${space}/e${i}`, { ...of, ...(limits !== undefined && { setting: limits }) }),
      ),
      ...ingress.map(({ space, ...of }, i) => ingressBackend(`${space}/i${i}`, of)),
    ]);
}

function setting(path: string, maxConnections: number): RawObject {
  const [namespace = "", name = ""] = path.split("/");
  return {
    apiVersion: "policy.openservicemesh.io/v1alpha1",
    kind: "UpstreamTrafficSetting",
    metadata: { namespace, name },
    spec: { host: "www.example.org", connectionSettings: { tcp: { maxConnections } } },
  };
}
