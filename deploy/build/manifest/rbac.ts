/**
 * What the control plane may do, and why. The table of `deploy/README.md` is held to these rules by a test.
 *
 * @module
 */
import { SERVER_SECRETS } from "../../../src/cluster/server-secret.ts";
import { RBAC_PREFIX } from "../../../src/http/kubernetes-authorizer.ts";
import {
  CA_SECRET,
  CONTROLLER,
  LABELS,
  MESH_NAME,
  MESH_NAMESPACE,
  MUTATING_CONFIGURATION,
  VALIDATING_CONFIGURATION,
} from "../names.ts";
import type { Schema } from "./schema.ts";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const RBAC = "rbac.authorization.k8s.io";
const READ = ["list", "watch"];
const WRITE = ["patch", "update"];

/** All namespaces: what is read to build the mesh, and what is told about it. */
export const CLUSTER_RULES: readonly Rule[] = [
  { apiGroups: [""], resources: ["pods", "serviceaccounts", "services"], verbs: READ },
  // A pod may be created in a namespace so new that the watch has not told of it.
  { apiGroups: [""], resources: ["namespaces"], verbs: ["get", ...READ] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: READ },
  { apiGroups: ["access.smi-spec.io"], resources: ["traffictargets"], verbs: READ },
  { apiGroups: ["specs.smi-spec.io"], resources: ["httproutegroups", "tcproutes"], verbs: READ },
  { apiGroups: ["split.smi-spec.io"], resources: ["trafficsplits"], verbs: READ },
  { apiGroups: ["config.openservicemesh.io"], resources: ["extensionservices"], verbs: READ },
  {
    apiGroups: ["policy.openservicemesh.io"],
    resources: ["egresses", "ingressbackends", "retries", "telemetries", "upstreamtrafficsettings"],
    verbs: READ,
  },
  {
    apiGroups: ["policy.openservicemesh.io"],
    resources: ["ingressbackends/status", "telemetries/status", "upstreamtrafficsettings/status"],
    verbs: WRITE,
  },
  {
    apiGroups: ["admissionregistration.k8s.io"],
    resources: ["mutatingwebhookconfigurations"],
    resourceNames: [MUTATING_CONFIGURATION],
    verbs: ["get", ...READ, ...WRITE],
  },
  {
    apiGroups: ["admissionregistration.k8s.io"],
    resources: ["validatingwebhookconfigurations"],
    resourceNames: [VALIDATING_CONFIGURATION],
    verbs: ["get", ...READ, ...WRITE],
  },
  { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
  { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
  { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** Its own namespace. */
export const NAMESPACE_RULES: readonly Rule[] = [
  { apiGroups: ["config.openservicemesh.io"], resources: ["meshconfigs"], verbs: ["create", "get", ...READ] },
  // `osm certificate rotate`, `rollback` and `forget` write roles, as an operator would.
  {
    apiGroups: ["config.openservicemesh.io"],
    resources: ["meshrootcertificates"],
    verbs: ["create", "delete", "get", "patch", ...READ],
  },
  { apiGroups: ["config.openservicemesh.io"], resources: ["meshrootcertificates/status"], verbs: WRITE },
  // A name cannot limit `create`: the object has none yet when it is decided.
  // Roots that a rotation makes have names of their own, also once they are forgotten. So has a token for Vault.
  { apiGroups: [""], resources: ["secrets"], verbs: ["create", "delete", "get"] },
  { apiGroups: [""], resources: ["secrets"], resourceNames: [CA_SECRET], verbs: ["get", ...READ, ...WRITE] },
  // Certificates of its servers, for a start while another authority is away.
  { apiGroups: [""], resources: ["secrets"], resourceNames: Object.values(SERVER_SECRETS), verbs: WRITE },
  // Each certificate that cert-manager signs is asked for by an object that is deleted once it was answered.
  { apiGroups: ["cert-manager.io"], resources: ["certificaterequests"], verbs: ["create", "delete", "get", "list"] },
  // Where a change of the root stands, and which replica acts on what.
  { apiGroups: [""], resources: ["configmaps"], verbs: ["create"] },
  {
    apiGroups: [""],
    resources: ["configmaps"],
    resourceNames: ["osm-root-rotation", "osm-root-rotation-replicas"],
    verbs: ["get", ...WRITE],
  },
  { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create"] },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: [CONTROLLER],
    verbs: ["get", ...READ, ...WRITE],
  },
];

/** Namespaces with pods of the mesh: the proxies' first configuration. Bound for all; may be bound one by one. */
const BOOTSTRAP_ROLE = `${MESH_NAME}-pod-bootstrap`;
export const BOOTSTRAP_RULES: readonly Rule[] = [
  { apiGroups: [""], resources: ["secrets"], verbs: ["create", "delete", "get", "list", ...WRITE] },
];

/** For people and programs that read the control plane's API on port 9092. Bound to nobody. */
const API_READER_ROLE = `${MESH_NAME}-api-reader`;
/** For those who may also change the mesh's root through it. Bound to nobody. */
const API_OPERATOR_ROLE = `${MESH_NAME}-api-operator`;

export function rbacObjects(): readonly Schema[] {
  const subjects = [{ kind: "ServiceAccount", name: MESH_NAME, namespace: MESH_NAMESPACE }];
  const clusterBinding = (name: string) => ({
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name, labels: LABELS },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
    subjects,
  });
  const inNamespace = { name: CONTROLLER, namespace: MESH_NAMESPACE, labels: LABELS };
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: MESH_NAME, namespace: MESH_NAMESPACE, labels: LABELS },
    },
    clusterRole(MESH_NAME, CLUSTER_RULES),
    clusterBinding(MESH_NAME),
    clusterRole(BOOTSTRAP_ROLE, BOOTSTRAP_RULES),
    clusterBinding(BOOTSTRAP_ROLE),
    clusterRole(API_READER_ROLE, [{ nonResourceURLs: [`${RBAC_PREFIX}/*`], verbs: ["get"] }]),
    clusterRole(API_OPERATOR_ROLE, [{ nonResourceURLs: [`${RBAC_PREFIX}/*`], verbs: ["get", "post"] }]),
    { apiVersion: `${RBAC}/v1`, kind: "Role", metadata: inNamespace, rules: NAMESPACE_RULES },
    {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: inNamespace,
      roleRef: { apiGroup: RBAC, kind: "Role", name: CONTROLLER },
      subjects,
    },
  ];
}

function clusterRole(name: string, rules: readonly object[]): Schema {
  return { apiVersion: `${RBAC}/v1`, kind: "ClusterRole", metadata: { name, labels: LABELS }, rules };
}
