/**
 * The manifests of `deploy/demo`, embedded: the executable carries the files that a cluster's user applies.
 *
 * @module
 */
import bookbuyer from "../../deploy/demo/bookbuyer.yaml" with { type: "text" };
import bookstore from "../../deploy/demo/bookstore.yaml" with { type: "text" };
import bookthief from "../../deploy/demo/bookthief.yaml" with { type: "text" };
import bookwarehouse from "../../deploy/demo/bookwarehouse.yaml" with { type: "text" };
import meshConfig from "../../deploy/demo/mesh-config.yaml" with { type: "text" };
import allowBookthief from "../../deploy/demo/switches/allow-bookthief.yaml" with { type: "text" };
import denyBookthief from "../../deploy/demo/switches/deny-bookthief.yaml" with { type: "text" };
import permissiveOff from "../../deploy/demo/switches/permissive-off.yaml" with { type: "text" };
import permissiveOn from "../../deploy/demo/switches/permissive-on.yaml" with { type: "text" };
import split0 from "../../deploy/demo/switches/split-0-100.yaml" with { type: "text" };
import split50 from "../../deploy/demo/switches/split-50-50.yaml" with { type: "text" };
import split90 from "../../deploy/demo/switches/split-90-10.yaml" with { type: "text" };
import split100 from "../../deploy/demo/switches/split-100-0.yaml" with { type: "text" };
import trafficAccess from "../../deploy/demo/traffic-access.yaml" with { type: "text" };
import trafficSplit from "../../deploy/demo/traffic-split.yaml" with { type: "text" };

/** What the demo starts with, by file name: applications, SMI mode, access policy, a 90/10 split. */
export const BASE_MANIFESTS: Readonly<Record<string, string>> = {
  "bookbuyer.yaml": bookbuyer,
  "bookstore.yaml": bookstore,
  "bookthief.yaml": bookthief,
  "bookwarehouse.yaml": bookwarehouse,
  "mesh-config.yaml": meshConfig,
  "traffic-access.yaml": trafficAccess,
  "traffic-split.yaml": trafficSplit,
};

/** What the demo's keys apply, by file name. Each replaces objects of `BASE_MANIFESTS`. */
export const SWITCH_MANIFESTS = {
  "allow-bookthief.yaml": allowBookthief,
  "deny-bookthief.yaml": denyBookthief,
  "permissive-off.yaml": permissiveOff,
  "permissive-on.yaml": permissiveOn,
  "split-0-100.yaml": split0,
  "split-100-0.yaml": split100,
  "split-50-50.yaml": split50,
  "split-90-10.yaml": split90,
} as const satisfies Readonly<Record<string, string>>;

export type SwitchFile = keyof typeof SWITCH_MANIFESTS;
