/**
 * Which services' requests are shown to the external authoriser (MeshConfig `inboundExternalAuthorization`).
 *
 * @module
 */
import { type Finding, finding } from "../base/finding.ts";
import type { MeshConfig } from "../model/mesh-config.ts";
import { AUTHORIZATION } from "../model/service.ts";
import type { ServiceNode } from "./service-node.ts";

/** What the Service itself says stands over what the MeshConfig says. */
export function isAuthorized({ traffic }: MeshConfig, { authorization }: ServiceNode): boolean {
  return authorization === undefined ? traffic.inboundExternalAuthorization.enable : authorization === "enabled";
}

export function authorizationFindings(config: MeshConfig, services: readonly ServiceNode[]): readonly Finding[] {
  const { enable, address, port, failureModeAllow } = config.traffic.inboundExternalAuthorization;
  const overridden = services
    .filter(({ authorization }) => enable && authorization === "disabled")
    .map((service) => {
      const message =
        "requests to it are not shown to the mesh's external authoriser: take the annotation away if they should be";
      const path = `metadata.annotations[${AUTHORIZATION}]`;
      return finding("authorization-overridden", { kind: "Service", ...service }, path, message);
    });
  const reachable = address !== "" && port !== 0;
  if (reachable || !services.some((service) => isAuthorized(config, service))) return overridden;
  const fate = failureModeAllow ? "passes unseen" : "gets 403";
  const message = `"${address}" port ${port} is no server that can be asked, so every request ${fate}: write address and port of the authoriser`;
  const about = { kind: "MeshConfig", ...config.meta };
  return [
    ...overridden,
    finding("authorization-unreachable", about, "spec.traffic.inboundExternalAuthorization", message),
  ];
}
