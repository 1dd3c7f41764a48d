import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decideInjection } from "./decision.ts";

const INJECTION = "openservicemesh.io/sidecar-injection";
const METRICS = "openservicemesh.io/metrics";
const MONITORED = { "openservicemesh.io/monitored-by": "osm" };

interface Case {
  readonly what: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly ofNamespace?: string;
  readonly ofPod?: string;
  readonly metrics?: string;
  readonly hostNetwork?: boolean;
  readonly expect: "inject" | RegExp;
}

const CASES: readonly Case[] = [
  { what: "a monitored namespace alone", expect: /^skip: neither the pod nor namespace shop/ },
  { what: "namespace yes", ofNamespace: "enabled", expect: "inject" },
  { what: "namespace yes in capitals", ofNamespace: "TRUE", expect: "inject" },
  { what: "namespace no", ofNamespace: "disabled", expect: /^skip: namespace shop's annotation/ },
  { what: "pod yes alone", ofPod: "yes", expect: "inject" },
  { what: "pod yes over namespace no", ofPod: "yes", ofNamespace: "no", expect: "inject" },
  { what: "pod no over namespace yes", ofPod: "false", ofNamespace: "enabled", expect: /^skip: the pod's annotation/ },
  { what: "any mesh name", labels: { "openservicemesh.io/monitored-by": "other" }, ofPod: "yes", expect: "inject" },
  { what: "a namespace outside the mesh", labels: {}, ofPod: "yes", expect: /^skip: namespace shop has no label/ },
  {
    what: "a namespace to be ignored, whatever the value",
    labels: { ...MONITORED, "openservicemesh.io/ignore": "false" },
    ofPod: "yes",
    expect: /^skip: .*ignore/,
  },
  {
    what: "a control plane's namespace",
    labels: { ...MONITORED, "control-plane": "x" },
    ofPod: "yes",
    expect: /^skip/,
  },
  { what: "kube-system", namespace: "kube-system", ofPod: "yes", expect: /^skip: pods in kube-system/ },
  { what: "the mesh's own namespace", namespace: "osm-system", ofPod: "yes", expect: /^skip: pods in osm-system/ },
  { what: "host network", hostNetwork: true, ofPod: "yes", expect: /^skip: the pod has hostNetwork/ },
  { what: "a pod value that is none", ofPod: "on", expect: /^refuse: pod: .* is "on"/ },
  { what: "a namespace value that is none", ofNamespace: "", expect: /^refuse: namespace shop: .* is ""/ },
  { what: "a bad namespace value though the pod says yes", ofNamespace: "x", ofPod: "yes", expect: /^refuse/ },
  { what: "a bad value outside the mesh", labels: {}, ofPod: "on", expect: /^skip/ },
  { what: "a bad metrics value", ofPod: "yes", metrics: "x", expect: /^refuse: .*metrics/ },
  { what: "an empty metrics value", ofPod: "yes", metrics: "", expect: "inject" },
];

function decisionOn({
  namespace = "shop",
  labels = MONITORED,
  ofNamespace,
  ofPod,
  metrics,
  hostNetwork = false,
}: Case): string {
  const decided = decideInjection({
    namespace: { name: namespace, labels, annotations: written({ [INJECTION]: ofNamespace, [METRICS]: metrics }) },
    annotations: written({ [INJECTION]: ofPod }),
    hostNetwork,
  });
  return decided.kind === "inject" ? "inject" : `${decided.kind}: ${decided.reason}`;
}

function written(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

describe("decideInjection", () => {
  for (const one of CASES) {
    it(`${one.what}: ${one.expect}`, () => {
      const text = decisionOn(one);
      if (typeof one.expect === "string") assert.equal(text, one.expect);
      else assert.match(text, one.expect);
    });
  }

  it("announces statistics where the namespace enables metrics", () => {
    const namespace = {
      name: "shop",
      labels: MONITORED,
      annotations: { [INJECTION]: "yes", [METRICS]: "enabled" },
    };
    const decided = decideInjection({ namespace, annotations: {}, hostNetwork: false });
    assert.equal(decided.kind === "inject" ? decided.annotations["prometheus.io/port"] : "", "15010");
  });

  it("wants the label of its own mesh, if it has a name", () => {
    const namespace = { name: "shop", labels: MONITORED, annotations: { [INJECTION]: "yes" } };
    const question = { namespace, annotations: {}, hostNetwork: false };
    assert.equal(decideInjection({ ...question, meshName: "osm" }).kind, "inject");
    const other = decideInjection({ ...question, meshName: "blue" });
    assert.equal(other.kind === "skip" ? other.reason : "", 'namespace shop is of mesh "osm", not of "blue"');
  });

  it("keeps out of its own namespace, whatever that is called", () => {
    const namespace = { name: "mesh", labels: MONITORED, annotations: { [INJECTION]: "yes" } };
    const question = { namespace, annotations: {}, hostNetwork: false };
    assert.equal(decideInjection(question).kind, "inject");
    assert.equal(decideInjection({ ...question, meshNamespace: "mesh" }).kind, "skip");
  });

  for (const [annotation, surprising] of [
    ["enabled", true],
    ["disabled", false],
    ["on", false],
  ] as const) {
    it(`is ${surprising ? "" : "not "}surprised by a pod on the host network in a namespace that says ${annotation}`, () => {
      const namespace = { name: "shop", labels: MONITORED, annotations: { [INJECTION]: annotation } };
      const decided = decideInjection({ namespace, annotations: {}, hostNetwork: true });
      assert.deepEqual(decided, { kind: "skip", reason: "the pod has hostNetwork: true", surprising });
    });
  }

  it("reads the metrics annotation for pods that get a sidecar alone", () => {
    const namespace = { name: "shop", labels: MONITORED, annotations: { [METRICS]: "sometimes" } };
    assert.equal(decideInjection({ namespace, annotations: {}, hostNetwork: false }).kind, "skip");
    assert.equal(
      decideInjection({ namespace, annotations: { [INJECTION]: "yes" }, hostNetwork: false }).kind,
      "refuse",
    );
  });
});
