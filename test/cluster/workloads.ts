/**
 * Workloads that only clusters have, made of the Deployments of `test/support/workloads.ts`.
 *
 * @module
 */
import { IMAGE, type Manifest, type Namespaced } from "../support/workloads.ts";

interface PodTemplate {
  readonly spec: { readonly containers: readonly object[] };
}

interface DeploymentSpec {
  readonly template: PodTemplate;
  readonly selector: object;
  readonly replicas: number;
}

export interface SecondContainer {
  readonly name: string;
  /** Arguments after `osm demo app`. */
  readonly run: readonly string[];
  readonly port: number;
}

/** The same objects, with one more container in the pods of the Deployment. */
export function withContainer(
  manifests: readonly Manifest[],
  { name, run, port }: SecondContainer,
): readonly Manifest[] {
  const container = {
    name,
    image: IMAGE,
    command: ["osm", "demo", "app", ...run],
    ports: [{ containerPort: port }],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
  };
  return withPodSpec(manifests, (spec) => ({ ...spec, containers: [...spec.containers, container] }));
}

/** The same objects, with a StatefulSet behind the Service `serviceName` in place of the Deployment. */
export function asStatefulSet(manifests: readonly Manifest[], serviceName: string): readonly Manifest[] {
  return manifests.map((one) =>
    isDeployment(one)
      ? { ...one, kind: "StatefulSet", spec: { ...one.spec, serviceName, podManagementPolicy: "Parallel" } }
      : one,
  );
}

function withPodSpec(
  manifests: readonly Manifest[],
  change: (spec: PodTemplate["spec"]) => PodTemplate["spec"],
): readonly Manifest[] {
  return manifests.map((one) => {
    if (!isDeployment(one)) return one;
    const { template } = one.spec;
    return { ...one, spec: { ...one.spec, template: { ...template, spec: change(template.spec) } } };
  });
}

function isDeployment(one: Manifest): one is Manifest & { readonly spec: DeploymentSpec } {
  return one["kind"] === "Deployment";
}

/** The same objects, with a name that the pods of the Deployment know without asking the cluster's DNS. */
export function withHost(manifests: readonly Manifest[], hostname: string, ip: string): readonly Manifest[] {
  return withPodSpec(manifests, (spec) => ({ ...spec, hostAliases: [{ ip, hostnames: [hostname] }] }));
}

/** The same objects, with a ConfigMap of these files under `/scripts` in the pods of the Deployment. */
export function withScript(
  manifests: readonly Manifest[],
  { namespace, name }: Namespaced,
  data: Readonly<Record<string, string>>,
): readonly Manifest[] {
  const volume = { name: "scripts", configMap: { name } };
  const mount = { name: volume.name, mountPath: "/scripts" };
  const files = { apiVersion: "v1", kind: "ConfigMap", metadata: { namespace, name }, data };
  const mounted = withPodSpec(manifests, (spec) => {
    const containers = spec.containers.map((container) => ({ ...container, volumeMounts: [mount] }));
    return { ...spec, containers, volumes: [volume] };
  });
  return [files, ...mounted];
}
