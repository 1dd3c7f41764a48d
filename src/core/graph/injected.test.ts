import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recordInjected } from "../model/injected-settings.ts";
import { MeshConfig } from "../model/mesh-config.ts";
import { Pod } from "../model/pod.ts";
import { podsBehind } from "./injected.ts";
import { indexPods } from "./pods.ts";

function config(spec: unknown): MeshConfig {
  const parsed = MeshConfig.parse({ metadata: { namespace: "osm-system", name: "osm-mesh-config" }, spec });
  assert.ok(parsed.ok);
  return parsed.value;
}

interface Made {
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly meshed?: boolean;
  readonly terminating?: boolean;
}

let made = 0;
function pod({ name, annotations = {}, meshed = true, terminating = false }: Made): Pod {
  const labels = meshed ? { "osm-proxy-uuid": `11111111-2222-4333-8444-${String(made++).padStart(12, "0")}` } : {};
  const parsed = Pod.parse({
    metadata: {
      namespace: "shop",
      name,
      labels,
      annotations,
      ...(terminating ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { serviceAccountName: "web", containers: [] },
  });
  assert.ok(parsed.ok);
  return parsed.value;
}

function behind(pods: readonly Pod[], now: MeshConfig): readonly string[] {
  const { index } = indexPods(new Map(pods.map((one) => [one.meta.name, one])), () => true);
  return podsBehind(index, now).map(({ code, about, path, message }) => {
    assert.equal(code, "pods-need-restart");
    assert.equal(`${about.kind} ${about.namespace}/${about.name}`, "MeshConfig osm-system/osm-mesh-config");
    return `${path} ${message}`;
  });
}

const BEFORE = config({ sidecar: { logLevel: "info", resources: { limits: { cpu: "1", memory: "64Mi" } } } });
const injected = recordInjected(BEFORE, "linux");

describe("podsBehind", () => {
  it("says nothing of pods that have what the MeshConfig says", () => {
    const same = config({ sidecar: { resources: { limits: { memory: "64Mi", cpu: 1 } }, logLevel: "info" } });
    assert.deepEqual(behind([pod({ name: "a", annotations: injected })], same), []);
  });

  it("says nothing of what reaches pods that run", () => {
    const live = config({
      sidecar: {
        logLevel: "info",
        resources: { limits: { cpu: 1, memory: "64Mi" } },
        tlsMinProtocolVersion: "TLSv1_3",
      },
      traffic: { enableEgress: true },
      featureFlags: { enableRetryPolicy: true },
    });
    assert.deepEqual(behind([pod({ name: "a", annotations: injected })], live), []);
  });

  it("names each pod once a field, and what it has", () => {
    const now = config({ sidecar: { logLevel: "debug" }, traffic: { outboundPortExclusionList: [3306] } });
    const pods = [
      pod({ name: "b", annotations: injected }),
      pod({ name: "a", annotations: recordInjected(config({}), "linux") }),
    ];
    assert.deepEqual(behind(pods, now).toSorted(), [
      'spec.sidecar.logLevel is "debug", but 2 pods were injected with another value: shop/a ("error"), shop/b ("info"); restart them',
      'spec.sidecar.resources is {"limits":{},"requests":{}}, but 1 pod was injected with another value: shop/b ({"limits":{"cpu":"1","memory":"64Mi"},"requests":{}}); restart them',
      "spec.traffic.outboundPortExclusionList is [3306], but 2 pods were injected with another value: shop/a ([]), shop/b ([]); restart them",
    ]);
  });

  it("gives one finding for a thousand pods, with ten names", () => {
    const pods = Array.from({ length: 1000 }, (_, i) => pod({ name: `web-${1000 + i}`, annotations: injected }));
    const found = behind(pods, config({ sidecar: { logLevel: "off", resources: BEFORE.sidecar.resources } }));
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", /1000 pods were .*shop\/web-1009 \("info"\), and 990 more; restart them$/);
  });

  it("speaks to a Windows pod of its own image alone", () => {
    const windows = pod({ name: "w", annotations: recordInjected(BEFORE, "windows") });
    const now = (sidecar: object) => config({ sidecar: { ...BEFORE.sidecar, configResyncInterval: "0s", ...sidecar } });
    assert.deepEqual(behind([windows], now({ envoyImage: "e:2", initContainerImage: "i:2" })), []);
    assert.equal(behind([windows], now({ envoyWindowsImage: "w:2" })).length, 1);
  });

  it("leaves out pods that go, pods without a proxy, and what an author wrote into the annotation", () => {
    const key = Object.keys(injected)[0] ?? "";
    const pods = [
      pod({ name: "going", annotations: injected, terminating: true }),
      pod({ name: "plain", annotations: injected, meshed: false }),
      pod({ name: "osm", annotations: {} }),
      ...["", "[]", "no JSON", '{"sidecar.logLevels":1}', "null"].map((text, i) =>
        pod({ name: `odd-${i}`, annotations: { [key]: text } }),
      ),
    ];
    assert.deepEqual(behind(pods, config({ sidecar: { logLevel: "debug" } })), []);
    const long = pod({
      name: "long",
      annotations: { [key]: JSON.stringify({ "sidecar.logLevel": "x".repeat(9999) }) },
    });
    const [found] = behind([long], config({ sidecar: { logLevel: "debug" } }));
    assert.ok(found !== undefined && found.length < 300, String(found));
  });
});
