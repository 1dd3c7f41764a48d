import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Egress } from "./egress.ts";

const SOURCE = { kind: "ServiceAccount", name: "web", namespace: "shop" };
const SPEC = {
  sources: [SOURCE],
  hosts: ["Partner.example.org", "*.example.com"],
  ipAddresses: ["10.0.0.0/8"],
  ports: [{ number: 80, protocol: "HTTP" }],
  matches: [
    { apiGroup: "specs.smi-spec.io/v1alpha4", kind: "HTTPRouteGroup", name: "routes" },
    { apiGroup: "policy.openservicemesh.io/v1alpha1", kind: "UpstreamTrafficSetting", name: "limits" },
  ],
};
const SETTING = SPEC.matches[1];

function egress(spec: unknown) {
  const metadata = { name: "to-partner", namespace: "shop" };
  return Egress.parse({ apiVersion: "policy.openservicemesh.io/v1alpha1", kind: "Egress", metadata, spec });
}

function accepted(spec: unknown): Egress {
  const parsed = egress(spec);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  return parsed.value;
}

function marks(spec: unknown): readonly string[] {
  return egress(spec).findings.map(({ code, path }) => `${code} ${path}`);
}

describe("Egress.parse", () => {
  it("reads all of it, in one spelling", () => {
    const { kind, meta, ...rest } = accepted(SPEC);
    assert.deepEqual(rest, {
      sources: [{ namespace: "shop", name: "web" }],
      hosts: ["partner.example.org", "*.example.com"],
      ipAddresses: [{ address: "10.0.0.0", prefixLength: 8 }],
      ports: [{ number: 80, protocol: "http" }],
      matches: [
        { kind: "HTTPRouteGroup", name: "routes" },
        { kind: "UpstreamTrafficSetting", name: "limits" },
      ],
    });
    assert.deepEqual(marks(SPEC), []);
  });

  it("takes hosts, ranges and matches that were left out as none", () => {
    const { hosts, ipAddresses, matches } = accepted({ sources: [SOURCE], ports: [] });
    assert.deepEqual([hosts, ipAddresses, matches], [[], [], []]);
  });

  it("keeps each source, host, range and port once", () => {
    const { sources, ports, hosts, ipAddresses, matches } = SPEC;
    const twice = accepted({
      sources: [...sources, ...sources],
      ports: [...ports, ...ports],
      hosts: [...hosts, "PARTNER.example.org"],
      ipAddresses: [...ipAddresses, ...ipAddresses],
      matches,
    });
    assert.deepEqual(twice, accepted(SPEC));
  });

  it("takes the groups of matches without their version too", () => {
    const matches = SPEC.matches.map((one) => ({ ...one, apiGroup: one.apiGroup.replace(/\/.*/, "") }));
    assert.deepEqual(accepted({ ...SPEC, matches }), accepted(SPEC));
  });

  for (const host of ["10.1.2.3", "fd00::1", "localhost", "_svc.example.org", "xn--bcher-kva.example"]) {
    it(`takes ${host} for a host`, () => assert.deepEqual(accepted({ ...SPEC, hosts: [host] }).hosts, [host]));
  }

  // What narrows goes by itself.
  const left: readonly (readonly [string, object, readonly string[]])[] = [
    [
      "a source that is no service account",
      { sources: [{ ...SOURCE, kind: "User" }, SOURCE] },
      ["field-invalid spec.sources[0].kind"],
    ],
    [
      "a source without namespace",
      { sources: [SOURCE, { ...SOURCE, namespace: "" }] },
      ["field-invalid spec.sources[1].namespace"],
    ],
    [
      "a port of a protocol that OSM ignored",
      { ports: [{ number: 53, protocol: "udp" }, ...SPEC.ports] },
      ["field-invalid spec.ports[0].protocol"],
    ],
    ["port 0", { ports: [...SPEC.ports, { number: 0, protocol: "tcp" }] }, ["field-invalid spec.ports[1].number"]],
    ["a port without protocol", { ports: [...SPEC.ports, { number: 1 }] }, ["field-invalid spec.ports[1].protocol"]],
    ["a host with a port", { hosts: [...SPEC.hosts, "a.b:80"] }, ["field-invalid spec.hosts[2]"]],
    [
      "a host of stars",
      { hosts: ["*", ...SPEC.hosts, "a.*.b"] },
      ["field-invalid spec.hosts[0]", "field-invalid spec.hosts[3]"],
    ],
    [
      "a range of no network",
      { ipAddresses: [...SPEC.ipAddresses, "300.0.0.0/8"] },
      ["field-invalid spec.ipAddresses[1]"],
    ],
    [
      "a range that is too long",
      { ipAddresses: ["10.0.0.0/33", ...SPEC.ipAddresses] },
      ["field-invalid spec.ipAddresses[0]"],
    ],
  ];
  for (const [title, change, expected] of left) {
    it(`leaves out ${title}`, () => {
      assert.deepEqual(accepted({ ...SPEC, ...change }), accepted(SPEC));
      assert.deepEqual(marks({ ...SPEC, ...change }), expected);
    });
  }

  it("opens nothing where no source or port is left", () => {
    const { sources, ports } = accepted({ ...SPEC, sources: [3], ports: [{ number: 1, protocol: "icmp" }] });
    assert.deepEqual([sources, ports], [[], []]);
  });

  // What would open more than was meant, if it went, refuses the object.
  const refused: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["no spec", undefined, ["object-invalid spec"]],
    ["no sources", { ...SPEC, sources: undefined }, ["object-invalid spec.sources"]],
    ["no ports", { ...SPEC, ports: undefined }, ["object-invalid spec.ports"]],
    [
      "hosts of which none is one",
      { ...SPEC, hosts: ["a b", ""] },
      ["object-invalid spec.hosts[0]", "object-invalid spec.hosts[1]"],
    ],
    ["ranges of which none is one", { ...SPEC, ipAddresses: ["10.0.0.0/99"] }, ["object-invalid spec.ipAddresses[0]"]],
    ["hosts that are no list", { ...SPEC, hosts: "a.b" }, ["object-invalid spec.hosts"]],
    ["a host as a number", { ...SPEC, hosts: [3, "a.b"] }, ["object-invalid spec.hosts[0]"]],
    [
      "a match of another kind",
      { ...SPEC, matches: [{ ...SETTING, kind: "Retry" }] },
      ["object-invalid spec.matches[0]"],
    ],
    [
      "a match of another group",
      { ...SPEC, matches: [{ ...SETTING, apiGroup: "specs.smi-spec.io/v1alpha4" }] },
      ["object-invalid spec.matches[0]"],
    ],
    [
      "a match that JavaScript knows",
      { ...SPEC, matches: [{ ...SETTING, apiGroup: "constructor", kind: "x" }] },
      ["object-invalid spec.matches[0]"],
    ],
    ["a match without name", { ...SPEC, matches: [{ ...SETTING, name: "" }] }, ["object-invalid spec.matches[0].name"]],
    ["two settings", { ...SPEC, matches: [SETTING, { ...SETTING, name: "more" }] }, ["object-invalid spec.matches"]],
  ];
  for (const [title, spec, expected] of refused) {
    it(`refuses ${title}`, () => {
      assert.equal(egress(spec).ok, false);
      assert.deepEqual(marks(spec), expected);
    });
  }
});
