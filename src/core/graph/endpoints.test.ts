import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EndpointSlice } from "../model/endpoint-slice.ts";
import { Pod } from "../model/pod.ts";
import { Service } from "../model/service.ts";
import { addressesOf } from "./endpoints.ts";

const META = { namespace: "shop", name: "web" };
const PORT = { name: "http", port: 80 };

type Conditions = Readonly<Record<string, boolean>>;
type PodStatus = Readonly<Record<string, "True" | "False">>;

function addresses(
  endpoints: Readonly<Record<string, Conditions>>,
  pods: Readonly<Record<string, PodStatus>>,
  gates: readonly object[] = [],
): readonly string[] {
  const service = Service.parse({ apiVersion: "v1", kind: "Service", metadata: META, spec: { ports: [PORT] } });
  const slice = EndpointSlice.parse({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...META, labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: Object.entries(endpoints).map(([ip, conditions]) => ({ addresses: [ip], conditions })),
  });
  assert.ok(service.ok && slice.ok);
  const [port] = service.value.ports;
  assert.ok(port !== undefined);
  const byAddress = new Map(Object.entries(pods).map(([ip, status]) => [ip, podOf(ip, status, gates)] as const));
  const found = addressesOf(service.value, port, { slices: [slice.value], endpoints: undefined, pods: { byAddress } });
  return found.map(({ ip, draining }) => (draining ? `${ip} draining` : ip));
}

function podOf(ip: string, status: PodStatus, readinessGates: readonly object[]): Pod {
  const conditions = Object.entries(status).map(([type, is]) => ({ type, status: is }));
  const pod = Pod.parse({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { namespace: "shop", name: `web-${ip.replaceAll(".", "-")}` },
    spec: { readinessGates },
    status: { podIP: ip, conditions },
  });
  assert.ok(pod.ok);
  return pod.value;
}

const READY = { ready: true, serving: true, terminating: false };
const UNREADY = { ready: false, serving: false, terminating: false };
const UNHEARD_OF: PodStatus = { Ready: "False", ContainersReady: "True" };
const BROKEN: PodStatus = { Ready: "False", ContainersReady: "False" };

describe("addressesOf()", () => {
  it("has those that are ready, and those that end and still serve", () => {
    const ending = { ready: false, serving: true, terminating: true };
    const gone = { ready: false, serving: false, terminating: true };
    assert.deepEqual(addresses({ "10.0.0.1": READY, "10.0.0.2": ending, "10.0.0.3": gone, "10.0.0.4": UNREADY }, {}), [
      "10.0.0.1",
      "10.0.0.2 draining",
    ]);
  });

  it("keeps pods that the node controller alone calls not ready, if there are no others", () => {
    const pods = { "10.0.0.1": UNHEARD_OF, "10.0.0.2": BROKEN };
    assert.deepEqual(addresses({ "10.0.0.1": UNREADY, "10.0.0.2": UNREADY }, pods), ["10.0.0.1"]);
    // Pods and slices are told one after the other.
    const late: PodStatus = { Ready: "True", ContainersReady: "True" };
    assert.deepEqual(addresses({ "10.0.0.1": UNREADY }, { "10.0.0.1": late }), ["10.0.0.1"]);
  });

  it("leaves them alone while others are ready", () => {
    const pods = { "10.0.0.1": UNHEARD_OF };
    assert.deepEqual(addresses({ "10.0.0.1": UNREADY, "10.0.0.2": READY }, pods), ["10.0.0.2"]);
  });

  it("keeps none that ends, that is not known, or about which a readiness gate decides", () => {
    const pods = { "10.0.0.1": UNHEARD_OF };
    assert.deepEqual(addresses({ "10.0.0.1": { ...UNREADY, terminating: true } }, pods), []);
    assert.deepEqual(addresses({ "10.0.0.9": UNREADY }, pods), []);
    assert.deepEqual(addresses({ "10.0.0.1": UNREADY }, pods, [{ conditionType: "example.test/lit" }]), []);
  });
});
