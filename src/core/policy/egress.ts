/**
 * What an account's applications may dial outside the mesh: its Egress objects (dataplane spec 2.14).
 *
 * @module
 */
import type { Finding } from "../base/finding.ts";
import type { ServiceAccountName } from "../base/identity.ts";
import type { MeshGraph } from "../graph/graph.ts";
import type { EgressChain } from "../ir/listener.ts";
import type { RouteTable } from "../ir/route.ts";
import type { HostUpstream, OriginalUpstream } from "../ir/upstream.ts";
import type { Sharing } from "./sharing.ts";

export interface EgressIr {
  /** Equal for accounts that may dial the same. */
  readonly key: string;
  /** Sorted by name; so are the others. */
  readonly chains: readonly EgressChain[];
  readonly routeTables: readonly RouteTable[];
  readonly upstreams: readonly (HostUpstream | OriginalUpstream)[];
  readonly serverFirstPorts: readonly number[];
  readonly findings: readonly Finding[];
}

const NOTHING: EgressIr = { key: "", chains: [], routeTables: [], upstreams: [], serverFirstPorts: [], findings: [] };

export function resolveEgress(_graph: MeshGraph, _account: ServiceAccountName, _sharing: Sharing): EgressIr {
  return NOTHING;
}
