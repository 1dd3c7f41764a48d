/**
 * The container `osm-init`, which leads the pod's connections through its proxy (platform spec 3.4).
 *
 * It runs a shell with one `iptables-restore`, as OSM's did: an init image that a MeshConfig names, OSM's own too, goes
 * on to work, and `kubectl get pod` shows every rule.
 *
 * @module
 */
import type { ProbePlan } from "../ir/probe.ts";
import type { SidecarSettings } from "../model/mesh-config.ts";
import type { Exclusions } from "./exclusions.ts";
import { ENVOY_UID, INIT_CONTAINER } from "./names.ts";
import { buildRedirection, POD_IP_VARIABLE } from "./redirection.ts";
import type { InjectSettings } from "./settings.ts";
import { fromPod, resourcesField } from "./sidecar-container.ts";

export interface InitOptions {
  readonly image: string;
  readonly pullPolicy: InjectSettings["initPullPolicy"];
  readonly sidecar: Pick<SidecarSettings, "enablePrivilegedInitContainer" | "localProxyMode" | "resources">;
  readonly exclusions: Exclusions["lists"];
  readonly probes: ProbePlan;
}

export function buildInitContainer(options: InitOptions): Readonly<Record<string, unknown>> {
  const { image, pullPolicy, sidecar, exclusions, probes } = options;
  const rules = buildRedirection({
    ...exclusions,
    proxyUid: ENVOY_UID,
    probePorts: probes.grpc.map(({ listenPort }) => listenPort),
    ...(sidecar.localProxyMode === "PodIP" ? { podIp: POD_IP_VARIABLE } : {}),
  });
  return {
    name: INIT_CONTAINER,
    image,
    ...(pullPolicy === undefined ? {} : { imagePullPolicy: pullPolicy }),
    command: ["/bin/sh", "-c"],
    // In quotes, so that the shell takes every rule as it is; Kubernetes has put the pod's address in before.
    args: [`iptables-restore --noflush <<'RULES'\n${rules}RULES\n`],
    env: [fromPod("POD_IP", "status.podIP")],
    securityContext: {
      ...(sidecar.enablePrivilegedInitContainer
        ? { privileged: true }
        : { privileged: false, allowPrivilegeEscalation: false }),
      // NET_RAW: without nftables, iptables speaks to the kernel through a raw socket.
      capabilities: { add: ["NET_ADMIN", "NET_RAW"], drop: ["ALL"] },
      runAsNonRoot: false,
      runAsUser: 0,
    },
    // A quota of a namespace asks for amounts from every container. They add nothing: init containers run alone.
    ...resourcesField(sidecar.resources),
  };
}
