/**
 * Small meshes of all sorts, for laws that hold in each of them.
 *
 * @module
 */
import fc from "fast-check";
import { anyEdge } from "./any-edge.ts";
import { anyCallSettings, anyLimits } from "./any-limits.ts";
import {
  meshConfig,
  namespace,
  type PortOptions,
  pod,
  type RawObject,
  routes,
  service,
  split,
  target,
  tcpRoute,
} from "./objects.ts";

const NAMESPACES = ["n0", "n1"] as const;
// Few of each, or nothing would ever fit together.
const ACCOUNTS = ["red", "green"] as const;
const APPS = ["a", "b"] as const;
const MATCHES = {
  all: {},
  api: { pathRegex: "/api/.*" },
  read: { pathRegex: "/api/read", methods: ["GET"] },
  write: { pathRegex: "/api/(read|write)", methods: ["POST", "PUT"] },
  tagged: { pathRegex: "/.*", methods: ["GET"], headers: [{ "x-tag": "yes" }] },
};
const PORTS: readonly PortOptions[] = [
  { port: 80, name: "http-a" },
  { port: 80, name: "http-a", targetPort: 8080 },
  { port: 81, name: "http-b", targetPort: 8080 },
  { port: 90, name: "tcp-c", targetPort: 9090 },
  { port: 91, name: "named", targetPort: "web", appProtocol: "grpc" },
  { port: 92, name: "raw", targetPort: 8080, appProtocol: "tcp-server-first" },
];

/** Requests that are worth a try in such a mesh, to every port that a Service can have. */
export const PROBES = [
  "GET http://HOST:80/api/read",
  "GET http://HOST:81/other",
  "POST http://HOST:80/api/write",
  "DELETE http://HOST:91/api/read",
  "tcp://HOST:90",
  "tcp://HOST:92",
] as const;

const inNamespace = fc.constantFrom(...NAMESPACES);
const account = fc.constantFrom(...ACCOUNTS);
const app = fc.constantFrom(...APPS);
const mostly = fc.integer({ min: 0, max: 4 }).map((n) => n > 0);

const anyPod = fc.record({
  space: inNamespace,
  account,
  app,
  sidecar: mostly,
  ready: mostly,
  port: fc.constantFrom(8080, 7070),
});
const anyService = fc.record({
  space: inNamespace,
  app: fc.option(app, { nil: undefined, freq: 8 }),
  ports: fc.uniqueArray(fc.constantFrom(...PORTS), { minLength: 1, maxLength: 3, selector: ({ port }) => port }),
  headless: mostly.map((often) => !often),
});
const anyTarget = fc.record({
  space: inNamespace,
  to: account,
  from: fc.uniqueArray(
    fc.tuple(inNamespace, account).map((parts) => parts.join("/")),
    { minLength: 1, maxLength: 3 },
  ),
  matches: fc.subarray(Object.keys(MATCHES), { minLength: 1 }),
  tcp: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.subarray(["p80", "p90", "gone"], { maxLength: 2 })),
});
const anySplit = fc.record({
  space: inNamespace,
  root: fc.nat({ max: 4 }),
  backends: fc.dictionary(fc.constantFrom("s0", "s1", "s2", "s3"), fc.nat({ max: 3 }), { minKeys: 1 }),
});

export interface WorldOptions {
  readonly permissive?: boolean;
  readonly egress?: boolean;
  /** Headless Services put addresses into listeners. */
  readonly headless?: boolean;
  /** With Egress objects and IngressBackends; none by default. */
  readonly edge?: boolean;
  /** With UpstreamTrafficSettings, Retries and what a MeshConfig says about calls; none by default. */
  readonly limits?: boolean;
}

/** Namespaces and the mode first, then pods `p<i>`, Services `s<i>`, targets `t<i>` and splits `x<i>`; last the edge and limits. */
export function anyWorld(options: WorldOptions = {}): fc.Arbitrary<readonly RawObject[]> {
  const flag = (fixed: boolean | undefined) => (fixed === undefined ? fc.boolean() : fc.constant(fixed));
  return fc
    .record({
      permissive: flag(options.permissive),
      egress: flag(options.egress),
      pods: fc.array(anyPod, { minLength: 3, maxLength: 6 }),
      services: fc.array(anyService, { minLength: 2, maxLength: 5 }),
      targets: fc.array(anyTarget, { minLength: 1, maxLength: 5 }),
      splits: fc.array(anySplit, { maxLength: 2 }),
      edge: options.edge === true ? anyEdge() : fc.constant([]),
      limits: options.limits === true ? anyLimits() : fc.constant([]),
      calls: options.limits === true ? anyCallSettings : fc.constant({ traffic: {}, featureFlags: undefined }),
    })
    .map(({ permissive, egress, pods, services, targets, splits, edge, limits, calls }) => [
      ...NAMESPACES.flatMap((name) => [
        namespace(name),
        routes(`${name}/g`, MATCHES),
        tcpRoute(`${name}/p80`, [80, 8080]),
        tcpRoute(`${name}/p90`, [9090]),
      ]),
      meshConfig(
        { ...calls.traffic, enablePermissiveTrafficPolicyMode: permissive, enableEgress: egress },
        calls.featureFlags,
      ),
      ...pods.map((one, i) => podOf(one, i)),
      ...services.map((one, i) => serviceOf(one, i, options.headless ?? true)),
      ...targets.map(({ space, to, from, matches, tcp }, i) =>
        target(`${space}/t${i}`, { to, from, http: { g: matches }, tcp }),
      ),
      ...splits.map(({ space, root, backends }, i) => split(`${space}/x${i}`, `s${root}`, backends)),
      ...edge,
      ...limits,
    ]);
}

type Drawn<A> = A extends fc.Arbitrary<infer T> ? T : never;

function podOf({ space, port, ...of }: Drawn<typeof anyPod>, i: number): RawObject {
  const ports = [{ name: "web", containerPort: port }];
  return pod(`${space}/p${i}`, {
    account: of.account,
    labels: { app: of.app },
    sidecar: of.sidecar,
    ready: of.ready,
    ports,
  });
}

function serviceOf(
  { space, app: selected, ports, headless }: Drawn<typeof anyService>,
  i: number,
  may: boolean,
): RawObject {
  const selector = selected === undefined ? null : { app: selected };
  return service(`${space}/s${i}`, ports, { selector, headless: headless && may });
}
