/**
 * Who may do it, in the terms of Envoy's RBAC: allow rules only, so no rule that matches means no.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type Permission,
  PermissionSchema,
  type Policy,
  PolicySchema,
  type Principal,
  PrincipalSchema,
  type RBAC,
  RBAC_Action,
  RBACSchema,
} from "../../../gen/envoy/config/rbac/v3/rbac_pb.ts";
import { RBACPerRouteSchema } from "../../../gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts";
import { compareText } from "../base/ref.ts";
import type { NetworkPolicy } from "../ir/listener.ts";
import type { Principals } from "../ir/protocol.ts";
import type { RouteAccess } from "../ir/route.ts";
import { toPermission } from "./route-match.ts";
import { typed } from "./typed.ts";

/** One policy for each TrafficTarget. None: everybody is denied (the rule of OSM 1.2, also for TCP; dataplane spec 8.1). */
export function networkRules(policies: readonly NetworkPolicy[]): RBAC {
  const sorted = [...policies].sort((a, b) => compareText(a.name, b.name));
  return allow(sorted.map(({ name, principals, ports }) => [name, policy(permissionsFor(ports), principals)]));
}

/**
 * The per-route setting of the HTTP RBAC filter: the route's own rule, and the rules of routes that overlap it, each
 * with its own conditions.
 */
export function routeRules({ principals, also }: RouteAccess): Any {
  const own = ["rbac-for-route", policy([anyPermission()], principals)] as const;
  const others = also.map(
    (rule, i) => [`rbac-for-route-${i + 1}`, policy([toPermission(rule.match)], rule.principals)] as const,
  );
  return typed(RBACPerRouteSchema, { rbac: { rules: allow([own, ...others]) } });
}

function allow(policies: readonly (readonly [string, Policy])[]): RBAC {
  return create(RBACSchema, { action: RBAC_Action.ALLOW, policies: Object.fromEntries(policies) });
}

function policy(permissions: Permission[], principals: Principals): Policy {
  return create(PolicySchema, { permissions, principals: toPrincipals(principals) });
}

function permissionsFor(ports: NetworkPolicy["ports"]): Permission[] {
  if (ports === "any") return [anyPermission()];
  return ports.map((port) => create(PermissionSchema, { rule: { case: "destinationPort", value: port } }));
}

function anyPermission(): Permission {
  return create(PermissionSchema, { rule: { case: "any", value: true } });
}

function toPrincipals(principals: Principals): Principal[] {
  switch (principals.kind) {
    case "anyone":
      return [create(PrincipalSchema, { identifier: { case: "any", value: true } })];
    case "these":
      return principals.names.map(named);
  }
}

function named(name: string): Principal {
  return create(PrincipalSchema, {
    identifier: { case: "authenticated", value: { principalName: { matchPattern: { case: "exact", value: name } } } },
  });
}
