/**
 * The two webhook configurations. Their `caBundle` is left out: the elected replica keeps it right at run time, and what
 * a manifest does not name, `kubectl apply` leaves as it is.
 *
 * @module
 */
import {
  CONTROLLER,
  LABELS,
  MESH_NAME,
  MESH_NAMESPACE,
  MUTATING_CONFIGURATION,
  VALIDATING_CONFIGURATION,
} from "../names.ts";
import type { Schema } from "./schema.ts";

export const INJECTOR = { service: "osm-injector", port: 9090, path: "/mutate-pod-creation" } as const;
export const VALIDATOR = { service: "osm-validator", port: 9093, path: "/validate" } as const;

/** Namespaces that no webhook of ours may hold up, whatever their labels are. */
const SYSTEM_NAMESPACES = ["kube-node-lease", "kube-public", "kube-system", MESH_NAMESPACE];
/** A pod that waits this long is better refused; its controller tries again. */
const INJECTION_SECONDS = 20;
const VALIDATION_SECONDS = 10;
/** Advice may not hold up anybody. */
const ADVICE_SECONDS = 3;

const MONITORED: Schema = {
  matchLabels: { "openservicemesh.io/monitored-by": MESH_NAME },
  matchExpressions: [
    { key: "openservicemesh.io/ignore", operator: "DoesNotExist" },
    { key: "kubernetes.io/metadata.name", operator: "NotIn", values: SYSTEM_NAMESPACES },
    { key: "control-plane", operator: "DoesNotExist" },
  ],
};
const OWN_NAMESPACE: Schema = {
  matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: [MESH_NAMESPACE] }],
};

export function webhookObjects(): readonly Schema[] {
  return [mutating(), validating()];
}

function mutating(): Schema {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: MUTATING_CONFIGURATION, labels: { ...LABELS, app: "osm-injector" } },
    webhooks: [
      {
        ...webhook("osm-inject.k8s.io", INJECTOR, MONITORED, [rule([""], ["v1"], ["pods"], ["CREATE"])]),
        failurePolicy: "Fail",
        reinvocationPolicy: "Never",
        timeoutSeconds: INJECTION_SECONDS,
      },
    ],
  };
}

/**
 * What OSM refused is refused; what it never checked is only commented on, by webhooks that fail open: a mistake there
 * has never kept an object out, and a control plane that is away must not either.
 */
function validating(): Schema {
  const policy = (...resources: string[]) => rule(["policy.openservicemesh.io"], ["v1alpha1"], resources);
  const config = (versions: readonly string[], resource: string) =>
    rule(["config.openservicemesh.io"], versions, [resource]);
  const smi = (group: string, version: string, ...resources: string[]) =>
    rule([`${group}.smi-spec.io`], [version], resources);
  const refuse = { failurePolicy: "Fail", timeoutSeconds: VALIDATION_SECONDS };
  const advise = { failurePolicy: "Ignore", timeoutSeconds: ADVICE_SECONDS };
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name: VALIDATING_CONFIGURATION, labels: { ...LABELS, app: CONTROLLER } },
    webhooks: [
      {
        ...webhook("osm-validator.k8s.io", VALIDATOR, MONITORED, [
          policy("egresses", "ingressbackends"),
          smi("access", "v1alpha3", "traffictargets"),
        ]),
        ...refuse,
      },
      {
        ...webhook("osm-control-plane-validator.k8s.io", VALIDATOR, OWN_NAMESPACE, [
          config(["v1alpha2"], "meshrootcertificates"),
        ]),
        ...refuse,
      },
      {
        ...webhook("osm-advice.k8s.io", VALIDATOR, MONITORED, [
          policy("retries", "telemetries", "upstreamtrafficsettings"),
          smi("specs", "v1alpha4", "httproutegroups", "tcproutes"),
          smi("split", "v1alpha2", "trafficsplits"),
          config(["v1alpha2"], "extensionservices"),
        ]),
        ...advise,
      },
      {
        ...webhook("osm-control-plane-advice.k8s.io", VALIDATOR, OWN_NAMESPACE, [
          config(["v1alpha1", "v1alpha2"], "meshconfigs"),
        ]),
        ...advise,
      },
    ],
  };
}

function webhook(
  name: string,
  { service, port, path }: typeof INJECTOR | typeof VALIDATOR,
  namespaceSelector: Schema,
  rules: readonly Schema[],
): Schema {
  return {
    name,
    admissionReviewVersions: ["v1"],
    clientConfig: { service: { namespace: MESH_NAMESPACE, name: service, port, path } },
    matchPolicy: "Exact",
    namespaceSelector,
    rules,
    sideEffects: "NoneOnDryRun",
  };
}

function rule(
  apiGroups: readonly string[],
  apiVersions: readonly string[],
  resources: readonly string[],
  operations: readonly string[] = ["CREATE", "UPDATE"],
): Schema {
  return { apiGroups, apiVersions, operations, resources, scope: "Namespaced" };
}
