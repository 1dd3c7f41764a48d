/** Where Retries, times and endpoints that go away end up in what Envoys are told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HealthStatus } from "../../gen/envoy/config/core/v3/health_check_pb.ts";
import { addressOf, named, pod, type RawObject, retry, service } from "./objects.ts";
import { compiled, permissive } from "./shop.ts";

describe("Retry", () => {
  const policy = { retryOn: "5xx,reset", numRetries: 5, perTryTimeout: "1s", retryBackoffBaseInterval: "2s" };
  const again = (name: string, to: readonly string[], more: object = {}, createdAt?: string) =>
    retry(`shop/${name}`, { from: "shop/web", to, policy: { ...policy, ...more } }, createdAt);
  const ON = { enableRetryPolicy: true };

  it("is in its source's route to its destination, and in nobody else's", () => {
    const { hosts, codes } = compiled(permissive({}, ON), again("r", ["shop/api"]));
    assert.match(
      hosts("shop/web", "rds-outbound.80").join(),
      /"retryPolicy":\{"retryOn":"5xx,reset","numRetries":5,"perTryTimeout":"1s","retryBackOff":\{"baseInterval":"2s"/,
    );
    assert.doesNotMatch(hosts("shop/api", "rds-outbound.80").join(), /5xx/);
    assert.deepEqual(codes, []);
  });

  it("leaves calls that it does not name to be tried again elsewhere, as long as they never left", () => {
    const unsent =
      /"retryPolicy":\{"retryOn":"connect-failure,refused-stream,reset-before-request","numRetries":2,.*previous_hosts/;
    const { hosts } = compiled(permissive({}, ON), again("r", ["shop/api"]));
    assert.match(hosts("shop/api", "rds-outbound.80").join(), unsent);
    assert.doesNotMatch(hosts("shop/web", "rds-outbound.80").join(), unsent);
    assert.match(
      compiled(permissive(), again("r", ["shop/api"]))
        .hosts("shop/web", "rds-outbound.80")
        .join(),
      unsent,
    );
    assert.doesNotMatch(hosts("shop/api", "rds-inbound.80").join(), /retryPolicy/);
  });

  it("repeats nothing at all with a number of 0", () => {
    const { hosts } = compiled(permissive({}, ON), again("r", ["shop/api"], { numRetries: 0 }));
    assert.doesNotMatch(hosts("shop/web", "rds-outbound.80").join(), /retryPolicy/);
  });

  it("says that it is off, and what it does not find", () => {
    assert.deepEqual(compiled(permissive(), again("r", ["shop/api"])).codes, ["policy-disabled shop/r "]);
    const { codes } = compiled(permissive({}, ON), again("r", ["shop/gone", "shop/api"]));
    assert.deepEqual(codes, ["retry-destination-missing shop/r spec.destinations[0]"]);
  });

  it("is the oldest for a pair of account and Service", () => {
    const older = again("z", ["shop/api"], { numRetries: 2 }, "2024-01-01T00:00:00Z");
    const younger = again("a", ["shop/api"], { numRetries: 9 }, "2024-01-02T00:00:00Z");
    const { hosts, codes } = compiled(permissive({}, ON), older, younger);
    assert.match(hosts("shop/web", "rds-outbound.80").join(), /"numRetries":2,/);
    assert.deepEqual(codes, ["retry-duplicate shop/a spec.destinations[0]"]);
  });
});

describe("times", () => {
  const annotated = (annotations: Readonly<Record<string, string>>): RawObject => ({
    ...service("shop/api", 80),
    metadata: { ...named("shop/api"), annotations },
  });
  const timesOf = (hosts: readonly string[]) =>
    [...hosts.join().matchAll(/"(timeout|idleTimeout)":"([^"]*)"/g)].map(([, , time]) => time);

  for (const [what, traffic, annotations, caller, server] of [
    ["nobody says anything", {}, {}, ["0s"], ["0s"]],
    ["the MeshConfig does", { requestTimeout: "9s", idleTimeout: "8s" }, {}, ["9s", "8s"], ["0s", "13s"]],
    [
      "the Service does",
      { requestTimeout: "9s", idleTimeout: "8s" },
      { "openservicemesh.io/request-timeout": "1s", "openservicemesh.io/idle-timeout": "0s" },
      ["1s", "0s"],
      ["0s", "0s"],
    ],
    [
      "the Service wants any time",
      { requestTimeout: "9s" },
      { "openservicemesh.io/request-timeout": "0s" },
      ["0s"],
      ["0s"],
    ],
  ] as const) {
    it(`are ${caller.join(" and ")} for callers where ${what}`, () => {
      const { hosts } = compiled(permissive(traffic), annotated(annotations));
      assert.deepEqual(timesOf(hosts("shop/web", "rds-outbound.80")), caller);
      assert.deepEqual(timesOf(hosts("shop/api", "rds-inbound.80")), server);
    });
  }

  it("that cannot be read count as none, and are told", () => {
    const { hosts, codes } = compiled(permissive(), annotated({ "openservicemesh.io/request-timeout": "soon" }));
    assert.deepEqual(timesOf(hosts("shop/web", "rds-outbound.80")), ["0s"]);
    assert.deepEqual(codes, ["field-invalid shop/api metadata.annotations[openservicemesh.io/request-timeout]"]);
  });
});

describe("endpoints that go away", () => {
  const ADDRESSES = ["one", "two", "three"].map((name) => addressOf(10, `pod shop/${name}`));
  const end = (conditions: object, i: number) => ({ addresses: [ADDRESSES[i]], conditions });
  const READY = { ready: true, serving: true, terminating: false };
  const GOING = { ready: false, serving: true, terminating: true };
  const GONE = { ready: false, serving: false, terminating: true };
  const SICK = { ready: false, serving: false, terminating: false };

  function told(...conditions: readonly object[]) {
    const slice: RawObject = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { namespace: "shop", name: "many", labels: { "kubernetes.io/service-name": "many" } },
      addressType: "IPv4",
      ports: [{ name: "http-main", port: 80, protocol: "TCP" }],
      endpoints: conditions.map(end),
    };
    const pods = ["one", "two", "three"].map((name, i) =>
      pod(`shop/${name}`, { account: "many", labels: { app: "many" }, ready: false, ip: ADDRESSES[i] ?? "" }),
    );
    const { endpoints } = compiled(permissive(), ...pods, service("shop/many", 80), slice);
    const [staying, going] = endpoints("shop/web", "shop/many|80").map(({ lbEndpoints, priority }) => ({
      priority,
      draining: lbEndpoints.every(({ healthStatus }) => healthStatus === HealthStatus.DRAINING),
      addresses: lbEndpoints.map(({ hostIdentifier }) =>
        ADDRESSES.findIndex((one) => JSON.stringify(hostIdentifier, noBigInt).includes(`"${one}"`)),
      ),
    }));
    return { staying, going };
  }
  const noBigInt = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);
  const first = (...addresses: readonly number[]) => ({ priority: 0, draining: false, addresses });

  it("stay, apart from the others, for as long as they answer", () => {
    assert.deepEqual(told(READY, GOING, GONE), {
      staying: first(0),
      going: { priority: 1, draining: true, addresses: [1] },
    });
  });
  it("are used if they are all there is", () => {
    assert.deepEqual(told(GOING, GONE, GOING), { staying: first(0, 2), going: undefined });
  });
  it("are not those that only are not ready", () => {
    assert.deepEqual(told(READY, SICK, { ...SICK, serving: true }), { staying: first(0), going: undefined });
  });
});
