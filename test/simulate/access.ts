/**
 * Envoy's RBAC: may this caller do that?
 *
 * @module
 */
import type { Permission, Principal, RBAC } from "../../gen/envoy/config/rbac/v3/rbac_pb.ts";
import { RBAC_Action } from "../../gen/envoy/config/rbac/v3/rbac_pb.ts";
import type { HeaderMatcher } from "../../gen/envoy/config/route/v3/route_components_pb.ts";
import { type HttpRequest, headerOf, matchesText } from "./http-request.ts";

export interface Caller {
  /** The DNS name in the caller's certificate. */
  readonly principal: string;
  /** The port that the caller meant to reach. */
  readonly port: number;
  /** Absent at layer 4. */
  readonly request?: HttpRequest;
}

/** No rules at all let everybody in; rules without policies let nobody in. */
export function allows(rules: RBAC | undefined, caller: Caller): boolean {
  if (rules === undefined) return true;
  if (rules.action !== RBAC_Action.ALLOW) throw new Error(`RBAC action ${rules.action} is not simulated`);
  return Object.values(rules.policies).some(
    ({ permissions, principals }) =>
      permissions.some((one) => permits(one, caller)) && principals.some((one) => isMeant(one, caller)),
  );
}

function permits({ rule }: Permission, caller: Caller): boolean {
  switch (rule.case) {
    case "any":
      return rule.value;
    case "destinationPort":
      return rule.value === caller.port;
    case "andRules":
      return rule.value.rules.every((one) => permits(one, caller));
    case "urlPath": {
      const matcher = rule.value.rule;
      return matcher.case === "path" && matchesText(matcher.value, requestOf(caller).path.split("?")[0] ?? "");
    }
    case "header":
      return headerMatches(rule.value, requestOf(caller));
    default:
      throw new Error(`permission ${rule.case} is not simulated`);
  }
}

function isMeant({ identifier }: Principal, { principal }: Caller): boolean {
  switch (identifier.case) {
    case "any":
      return identifier.value;
    case "authenticated": {
      const { principalName } = identifier.value;
      return principalName === undefined || matchesText(principalName, principal);
    }
    default:
      throw new Error(`principal ${identifier.case} is not simulated`);
  }
}

export function headerMatches({ name, headerMatchSpecifier }: HeaderMatcher, request: HttpRequest): boolean {
  if (headerMatchSpecifier.case !== "stringMatch") throw new Error(`${headerMatchSpecifier.case} is not simulated`);
  const value = headerOf(request, name);
  return value !== undefined && matchesText(headerMatchSpecifier.value, value);
}

function requestOf({ request }: Caller): HttpRequest {
  if (request === undefined) throw new Error("a rule about requests stands at layer 4, where there is none");
  return request;
}
