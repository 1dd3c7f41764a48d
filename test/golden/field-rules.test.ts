import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { Cluster_LbPolicy, ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import { SocketAddressSchema } from "../../gen/envoy/config/core/v3/address_pb.ts";
import {
  FilterSchema,
  ListenerFilterChainMatchPredicateSchema,
} from "../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import { PolicySchema } from "../../gen/envoy/config/rbac/v3/rbac_pb.ts";
import {
  HeaderMatcherSchema,
  RouteSchema,
  VirtualHostSchema,
  WeightedClusterSchema,
} from "../../gen/envoy/config/route/v3/route_components_pb.ts";
import { RouteConfigurationSchema } from "../../gen/envoy/config/route/v3/route_pb.ts";
import { HttpConnectionManagerSchema } from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts";
import { TcpProxySchema } from "../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import { PACKED } from "./envoy-messages.ts";
import { fieldRuleViolations } from "./field-rules.ts";

const COMPLETE_ROUTE = {
  match: { pathSpecifier: { case: "prefix" as const, value: "/" } },
  action: { case: "route" as const, value: { clusterSpecifier: { case: "cluster" as const, value: "c" } } },
};

/** Planted violations: the path that must be named, and what was found. */
const PLANTED: Readonly<Record<string, { found: () => readonly string[]; names: RegExp }>> = {
  "a text that is too short": {
    found: () => fieldRuleViolations(ClusterSchema, create(ClusterSchema), PACKED),
    names: /^Cluster\.name: string\.min_len 1 /,
  },
  "an enum number that does not exist": {
    found: () =>
      fieldRuleViolations(
        ClusterSchema,
        create(ClusterSchema, { name: "c", lbPolicy: 99 as Cluster_LbPolicy }),
        PACKED,
      ),
    names: /^Cluster\.lb_policy: enum\.defined_only true/,
  },
  "a duration that must be above zero": {
    found: () => fieldRuleViolations(ClusterSchema, create(ClusterSchema, { name: "c", connectTimeout: {} }), PACKED),
    names: /^Cluster\.connect_timeout: duration\.gt 0/,
  },
  "a number that is too large": {
    found: () => {
      const address = create(SocketAddressSchema, {
        address: "a",
        portSpecifier: { case: "portValue", value: 65_536 },
      });
      return fieldRuleViolations(SocketAddressSchema, address, PACKED);
    },
    names: /^SocketAddress\.port_value: uint32\.lte 65535/,
  },
  "a wrapped number that is too small": {
    found: () => {
      const proxy = create(TcpProxySchema, {
        statPrefix: "s",
        clusterSpecifier: { case: "cluster", value: "c" },
        maxConnectAttempts: 0,
      });
      return fieldRuleViolations(TcpProxySchema, proxy, PACKED);
    },
    names: /^TcpProxy\.max_connect_attempts: uint32\.gte 1/,
  },
  "a list with too few items": {
    found: () => {
      const predicate = create(ListenerFilterChainMatchPredicateSchema, { rule: { case: "orMatch", value: {} } });
      return fieldRuleViolations(ListenerFilterChainMatchPredicateSchema, predicate, PACKED);
    },
    names: /^ListenerFilterChainMatchPredicate\.or_match\.rules: repeated\.min_items 2/,
  },
  "an item of a list": {
    found: () =>
      fieldRuleViolations(VirtualHostSchema, create(VirtualHostSchema, { name: "h", domains: ["a\n"] }), PACKED),
    names: /^VirtualHost\.domains\[0\]: string\.well_known_regex/,
  },
  "a header's name with a line end": {
    found: () => fieldRuleViolations(HeaderMatcherSchema, create(HeaderMatcherSchema, { name: "x\r\ny" }), PACKED),
    names: /^HeaderMatcher\.name: string\.well_known_regex/,
  },
  "a message that is required": {
    found: () => fieldRuleViolations(RouteSchema, create(RouteSchema, { action: COMPLETE_ROUTE.action }), PACKED),
    names: /^Route\.match: is required/,
  },
  "a choice that is required": {
    found: () => fieldRuleViolations(RouteSchema, create(RouteSchema, { match: {} }), PACKED),
    names: /^Route\.match\.path_specifier: one of its fields is required/,
  },
  "a policy for nobody": {
    found: () => fieldRuleViolations(PolicySchema, create(PolicySchema, { permissions: [] }), PACKED),
    names: /^Policy\.principals: repeated\.min_items 1/,
  },
  "a list of clusters without any": {
    found: () => fieldRuleViolations(WeightedClusterSchema, create(WeightedClusterSchema), PACKED),
    names: /^WeightedCluster\.clusters: repeated\.min_items 1/,
  },
  "a message deep inside, in lists": {
    found: () => {
      const table = create(RouteConfigurationSchema, {
        name: "t",
        virtualHosts: [{ name: "h", domains: ["a"], routes: [COMPLETE_ROUTE, { match: COMPLETE_ROUTE.match }] }],
      });
      return fieldRuleViolations(RouteConfigurationSchema, table, PACKED);
    },
    names: /^RouteConfiguration\.virtual_hosts\[0\]\.routes\[1\]\.action: one of its fields is required/,
  },
  "a message that is packed": {
    found: () => {
      const value = anyPack(HttpConnectionManagerSchema, create(HttpConnectionManagerSchema));
      return fieldRuleViolations(
        FilterSchema,
        create(FilterSchema, { name: "f", configType: { case: "typedConfig", value } }),
        PACKED,
      );
    },
    names: /^Filter\.typed_config\[HttpConnectionManager\]\.stat_prefix: string\.min_len 1/,
  },
  "a packed message of a type that nobody listed": {
    found: () => {
      const value = create(AnySchema, { typeUrl: "type.googleapis.com/made.Up" });
      return fieldRuleViolations(
        FilterSchema,
        create(FilterSchema, { name: "f", configType: { case: "typedConfig", value } }),
        PACKED,
      );
    },
    names: /^Filter\.typed_config: holds type\.googleapis\.com\/made\.Up/,
  },
};

describe("fieldRuleViolations", () => {
  for (const [what, { found, names }] of Object.entries(PLANTED)) {
    it(`finds ${what}`, () => {
      const violations = found();
      assert.ok(
        violations.some((line) => names.test(line)),
        violations.join("\n"),
      );
    });
  }

  it("finds nothing in a message that keeps to the rules", () => {
    const table = create(RouteConfigurationSchema, {
      name: "t",
      virtualHosts: [{ name: "h", domains: ["a", "a:80"], routes: [COMPLETE_ROUTE] }],
    });
    assert.deepEqual(fieldRuleViolations(RouteConfigurationSchema, table, PACKED), []);
    const cluster = create(ClusterSchema, {
      name: "c",
      connectTimeout: { nanos: 1 },
      lbPolicy: Cluster_LbPolicy.MAGLEV,
    });
    assert.deepEqual(fieldRuleViolations(ClusterSchema, cluster, PACKED), []);
  });
});
