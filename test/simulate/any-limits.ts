/**
 * UpstreamTrafficSettings and Retries of all sorts, many of which are in each other's way, and the MeshConfig's word.
 *
 * @module
 */
import fc from "fast-check";
import { type RawObject, retry, upstreamSetting } from "./objects.ts";

const NAMESPACES = ["n0", "n1"] as const;
const HOSTS = ["s0", "s1", "s2.n0", "s1.n1.svc", "s0.n0.svc.cluster.local", "p0.s1", "gone"];
const DESCRIPTORS = [{ entries: [{ remoteAddress: {} }] }];
const RLS = { rateLimitService: { host: "limits.rls", port: 8081 }, domain: "test" };

const inNamespace = fc.constantFrom(...NAMESPACES);
const age = fc.constantFrom("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z");
const local = { requests: 3, unit: "minute" };

/** Parts of a spec, any of which may be there. */
const anySpec = fc.record(
  {
    connectionSettings: fc.constantFrom(
      { tcp: { maxConnections: 1, idleTimeout: "1m" } },
      { http: { maxRequests: 2, idleTimeout: "1m" } },
    ),
    rateLimit: fc.constantFrom(
      { local: { tcp: { connections: 1, unit: "second" } } },
      { local: { http: local } },
      { global: { tcp: { ...RLS, descriptors: [{ entries: [{ key: "a", value: "b" }] }] } } },
      { global: { http: { ...RLS, descriptors: DESCRIPTORS } } },
    ),
    httpRoutes: fc.constantFrom(
      [{ path: ".*", rateLimit: { local } }],
      [{ path: "/api/.*", rateLimit: { global: { descriptors: DESCRIPTORS } } }],
    ),
  },
  { requiredKeys: [] },
);
const anySetting = fc.record({ space: inNamespace, createdAt: age, host: fc.constantFrom(...HOSTS), spec: anySpec });
const anyRetry = fc.record({
  space: inNamespace,
  createdAt: age,
  from: fc.constantFrom("n0/red", "n0/green", "n1/red"),
  to: fc.uniqueArray(fc.constantFrom("n0/s0", "n0/s1", "n1/s0", "n1/gone"), { minLength: 1, maxLength: 3 }),
  numRetries: fc.constantFrom(0, 1, 5),
});

/** UpstreamTrafficSettings `u<i>` and Retries `r<i>`. */
export function anyLimits(): fc.Arbitrary<readonly RawObject[]> {
  return fc
    .tuple(fc.array(anySetting, { maxLength: 4 }), fc.array(anyRetry, { maxLength: 3 }))
    .map(([settings, retries]) => [
      ...settings.map(({ space, createdAt, host, spec }, i) =>
        upstreamSetting(`${space}/u${i}`, { host, ...spec }, createdAt),
      ),
      ...retries.map(({ space, createdAt, from, to, numRetries }, i) =>
        retry(`${space}/r${i}`, { from, to, policy: { retryOn: "5xx", numRetries } }, createdAt),
      ),
    ]);
}

/** What a MeshConfig says about calls, in its own terms. */
export interface CallSettings {
  readonly traffic: Readonly<Record<string, unknown>>;
  readonly featureFlags: Readonly<Record<string, unknown>>;
}

export const anyCallSettings: fc.Arbitrary<CallSettings> = fc.record({
  traffic: fc.record(
    {
      requestTimeout: fc.constantFrom("0s", "10s"),
      idleTimeout: fc.constantFrom("0s", "10s"),
      outlierDetection: fc.constant({ consecutiveErrors: 2 }),
    },
    { requiredKeys: [] },
  ),
  featureFlags: fc.record({ enableRetryPolicy: fc.boolean(), enableEnvoyActiveHealthChecks: fc.boolean() }),
});
