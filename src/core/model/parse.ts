/**
 * Any object in, one of ours out: webhook, sources, CLI and local mode all come through here.
 *
 * @module
 */
import { finding } from "../base/finding.ts";
import { Egress } from "./egress.ts";
import { EndpointSlice } from "./endpoint-slice.ts";
import { Endpoints } from "./endpoints.ts";
import { ExtensionService } from "./extension-service.ts";
import { isRecord } from "./fields.ts";
import { HTTPRouteGroup } from "./http-route-group.ts";
import { IngressBackend } from "./ingress-backend.ts";
import { show } from "./issues.ts";
import { groupVersion, type Kind, type Parsed } from "./kind.ts";
import { MeshConfig } from "./mesh-config.ts";
import { MeshRootCertificate } from "./mesh-root-certificate.ts";
import { Namespace } from "./namespace.ts";
import type { MeshObject } from "./object.ts";
import { Pod } from "./pod.ts";
import { Retry } from "./retry.ts";
import { Service } from "./service.ts";
import { ServiceAccount } from "./service-account.ts";
import { TCPRoute } from "./tcp-route.ts";
import { Telemetry } from "./telemetry.ts";
import { TrafficSplit } from "./traffic-split.ts";
import { TrafficTarget } from "./traffic-target.ts";
import { UpstreamTrafficSetting } from "./upstream-traffic-setting.ts";
import { DaemonSet, Deployment, Job, StatefulSet } from "./workload.ts";

/** Every kind that the mesh reads. */
export const KINDS: readonly Kind<MeshObject>[] = [
  Namespace,
  MeshConfig,
  MeshRootCertificate,
  ServiceAccount,
  Service,
  Pod,
  Endpoints,
  EndpointSlice,
  Deployment,
  StatefulSet,
  DaemonSet,
  Job,
  TrafficTarget,
  HTTPRouteGroup,
  TCPRoute,
  TrafficSplit,
  Egress,
  IngressBackend,
  Retry,
  UpstreamTrafficSetting,
  Telemetry,
  ExtensionService,
];

const BY_NAME: ReadonlyMap<string, Kind<MeshObject>> = new Map(KINDS.map((kind) => [kind.kind, kind]));

/**
 * Reads an object of whatever kind. Never throws.
 *
 * @returns undefined for a kind that the mesh does not read, a kind of the same name in another group included. What
 * names no kind at all is an error.
 */
export function parseObject(raw: unknown): Parsed<MeshObject> | undefined {
  if (!isRecord(raw)) return refused("", `must be an object, but is ${show(raw)}`);
  const { kind, apiVersion } = { kind: raw["kind"], apiVersion: raw["apiVersion"] };
  if (typeof kind !== "string" || kind === "")
    return refused("kind", `must be the name of a kind, but is ${show(kind)}`);
  if (typeof apiVersion !== "string" || apiVersion === "") {
    return refused("apiVersion", `must be a group and version such as "apps/v1", but is ${show(apiVersion)}`);
  }
  const known = BY_NAME.get(kind);
  return known?.group === groupVersion(apiVersion).group ? known.parse(raw) : undefined;
}

function refused(path: string, message: string): Parsed<MeshObject> {
  return {
    ok: false,
    findings: [finding("object-invalid", { kind: "Object", namespace: "", name: "" }, path, message)],
  };
}
