/**
 * What a pod's proxy tells of its traffic: Telemetry, ExtensionService and MeshConfig (dataplane spec 2.16, 3.7, 3.8).
 *
 * @module
 */
import type { MeshGraph } from "../graph/graph.ts";
import { type Observation, PLAIN_OBSERVATION } from "../ir/observation.ts";
import type { HostUpstream } from "../ir/upstream.ts";
import type { Pod } from "../model/pod.ts";
import type { Sharing } from "./sharing.ts";

export interface ObservationIr {
  /** Shared: the same value for proxies that tell the same. */
  readonly observation: Observation;
  /** Where it is told. Each name once, sorted. */
  readonly upstreams: readonly HostUpstream[];
}

const PLAIN: ObservationIr = { observation: PLAIN_OBSERVATION, upstreams: [] };

export function resolveObservation(_graph: MeshGraph, _pod: Pod, _sharing: Sharing): ObservationIr {
  return PLAIN;
}
