/**
 * A shop of two accounts, compiled with objects of a test's own, and the parts of it as texts.
 *
 * @module
 */
import assert from "node:assert/strict";
import { toJson } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { ListenerSchema } from "../../gen/envoy/config/listener/v3/listener_pb.ts";
import { VirtualHostSchema } from "../../gen/envoy/config/route/v3/route_components_pb.ts";
import { PACKED as registry } from "../golden/envoy-messages.ts";
import { compileObjects } from "./compiled.ts";
import { meshConfig, namespace, pod, type RawObject, service } from "./objects.ts";

export const permissive = (traffic: object = {}, flags?: Readonly<Record<string, unknown>>) =>
  meshConfig({ ...traffic, enablePermissiveTrafficPolicyMode: true, enableEgress: false }, flags);
const SHOP = [namespace("shop"), pod("shop/web"), pod("shop/api"), service("shop/api", 80)];

export function compiled(...objects: readonly RawObject[]) {
  const { configs, findings } = compileObjects([...SHOP, ...objects]);
  const of = (name: string) => {
    const config = configs.get(name);
    assert.ok(config !== undefined, `${name} has no proxy`);
    return config;
  };
  const text = (value: unknown) => JSON.stringify(value);
  return {
    codes: findings.map(({ code, about, path }) => `${code} ${about.namespace}/${about.name} ${path}`),
    cluster(proxy: string, name: string): string {
      const found = of(proxy).clusters.find((one) => one.name === name);
      return found === undefined ? "" : text(toJson(ClusterSchema, found, { registry }));
    },
    listeners: (proxy: string) =>
      of(proxy)
        .listeners.map((one) => text(toJson(ListenerSchema, one, { registry })))
        .join(),
    /** The virtual hosts of a table, each as a text. */
    hosts(proxy: string, table: string): readonly string[] {
      const found = of(proxy).routes.find(({ name }) => name === table);
      return (found?.virtualHosts ?? []).map((host) => text(toJson(VirtualHostSchema, host, { registry })));
    },
    endpoints: (proxy: string, cluster: string) =>
      of(proxy).endpoints.find(({ clusterName }) => clusterName === cluster)?.endpoints ?? [],
  };
}
