/**
 * Cases of injection: a pod in, what becomes of it out. Beside the code, in `src/core/inject/cases`.
 *
 * `NAME.yaml` is written by hand and opens with what it shows; `NAME.out.yaml` by `GOLDEN=write`.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import jsonPatch from "fast-json-patch";
import { parse } from "yaml";
import type { InjectionRequest } from "../../src/core/inject/outcome.ts";
import type { InjectSettings } from "../../src/core/inject/settings.ts";
import { MeshConfig } from "../../src/core/model/mesh-config.ts";

export const CASES_FOLDER = join(import.meta.dirname, "../../src/core/inject/cases");
export const UUID = "6f1c2f0a-9c1e-4c41-9d5d-2f8b7f3f3a10";

export const SETTINGS: InjectSettings = {
  meshName: "osm",
  meshNamespace: "osm-system",
  trustDomain: "cluster.local",
  controllerHost: "osm-controller.osm-system.svc.cluster.local",
  version: "2.0.0",
  envoyImage: "envoy:default",
  envoyWindowsImage: "",
  initImage: "osm-init:default",
  nativeSidecars: true,
};

export interface InjectionCase {
  readonly name: string;
  readonly request: InjectionRequest;
}

export function injectionCases(): readonly InjectionCase[] {
  return readdirSync(CASES_FOLDER)
    .filter((file) => file.endsWith(".yaml") && !file.endsWith(".out.yaml"))
    .sort()
    .map((file) => ({ name: file.slice(0, -".yaml".length), request: readRequest(file) }));
}

function readRequest(file: string): InjectionRequest {
  const written = parse(readFileSync(join(CASES_FOLDER, file), "utf8"));
  const { nativeSidecars = true, initPullPolicy, windowsImage = "", mesh = {}, namespace = {} } = written;
  return {
    pod: written.pod,
    namespace: {
      name: "shop",
      labels: { "openservicemesh.io/monitored-by": "osm" },
      annotations: { "openservicemesh.io/sidecar-injection": "enabled", ...namespace.annotations },
    },
    mesh: meshConfig(mesh),
    settings: {
      ...SETTINGS,
      nativeSidecars,
      envoyWindowsImage: windowsImage,
      ...(initPullPolicy === undefined ? {} : { initPullPolicy }),
    },
    uuid: UUID,
  };
}

export function meshConfig(spec: unknown): MeshConfig {
  const read = MeshConfig.parse({ metadata: { name: "osm-mesh-config", namespace: "osm-system" }, spec });
  if (read.ok) return read.value;
  throw new Error(`the case's MeshConfig is not one: ${JSON.stringify(read.findings)}`);
}

/** By another's implementation of RFC 6902, which checks every operation. */
export function patched(document: unknown, patch: unknown): unknown {
  const operations = JSON.parse(JSON.stringify(patch));
  return jsonPatch.applyPatch(structuredClone(document), operations, true).newDocument;
}
