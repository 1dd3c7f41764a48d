/**
 * The conditions of a rule on a request: as Envoy's route match, and as an RBAC permission.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { type Permission, PermissionSchema } from "../../../gen/envoy/config/rbac/v3/rbac_pb.ts";
import {
  type RouteMatch as EnvoyRouteMatch,
  type HeaderMatcher,
  HeaderMatcherSchema,
  RouteMatchSchema,
} from "../../../gen/envoy/config/route/v3/route_components_pb.ts";
import type { RouteMatch } from "../ir/route.ts";

export function toRouteMatch(match: RouteMatch): EnvoyRouteMatch {
  return create(RouteMatchSchema, {
    pathSpecifier: { case: "safeRegex", value: { regex: match.pathRegex } },
    headers: headerMatchers(match),
  });
}

/** Holds for the same requests as the route match does. */
export function toPermission(match: RouteMatch): Permission {
  const path = create(PermissionSchema, {
    rule: {
      case: "urlPath",
      value: {
        rule: { case: "path", value: { matchPattern: { case: "safeRegex", value: { regex: match.pathRegex } } } },
      },
    },
  });
  const headers = headerMatchers(match).map((value) => create(PermissionSchema, { rule: { case: "header", value } }));
  return create(PermissionSchema, { rule: { case: "andRules", value: { rules: [path, ...headers] } } });
}

/** The method is compared literally: OSM read it as a regular expression. */
function headerMatchers({ method, headers }: RouteMatch): HeaderMatcher[] {
  const exactMethod = method === undefined ? [] : [headerMatcher(":method", { case: "exact", value: method })];
  const others = headers.map(({ name, regex }) => headerMatcher(name, { case: "safeRegex", value: { regex } }));
  return [...exactMethod, ...others];
}

type Pattern = { case: "exact"; value: string } | { case: "safeRegex"; value: { regex: string } };

function headerMatcher(name: string, matchPattern: Pattern): HeaderMatcher {
  return create(HeaderMatcherSchema, { name, headerMatchSpecifier: { case: "stringMatch", value: { matchPattern } } });
}
