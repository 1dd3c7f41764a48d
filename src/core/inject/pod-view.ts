/**
 * A Pod as it comes to the webhook: what injection looks at, and nothing of what it leaves alone.
 *
 * Not `parsePodSpec`, which reads how containers are run: a field of a later Kubernetes that it does not know must not
 * keep a pod from being created.
 *
 * @module
 */
import * as v from "valibot";
import { AnyText, Flag, fieldsOf, isRecord, isWhole, listOf, NameText, Port, Text } from "../model/fields.ts";
import { issueMessage, issuePath, pathText } from "../model/issues.ts";
import { accountOf } from "../model/pod.ts";

/** Where in the spec a container stands. */
type ContainerList = "containers" | "initContainers";

export interface ContainerView {
  readonly list: ContainerList;
  readonly index: number;
  readonly name: string;
  /** Those with a usable number. */
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  /** An init container with `restartPolicy: Always`, which runs beside the others. */
  readonly native: boolean;
  /** Its own, or the pod's. */
  readonly runAsUser?: number;
  /** Names of volumes. */
  readonly mounts: readonly string[];
  /** As written: `livenessProbe` and such by field; only those that are there. */
  readonly probes: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** `postStart`, `preStop`: those by which the kubelet connects to the container. */
  readonly hooks: readonly string[];
}

export interface PodView {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly hostNetwork: boolean;
  readonly windows: boolean;
  /** Pods of Jobs do not always restart. */
  readonly restartPolicy: string;
  /** Those with a text, of the mesh and of Prometheus. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The owner that controls it. */
  readonly owner?: { readonly kind: string; readonly name: string };
  /** Init containers first. */
  readonly containers: readonly ContainerView[];
  readonly volumes: readonly { readonly name: string; readonly secretName?: string }[];
  /** What the patch is built against. */
  readonly written: {
    readonly labels: unknown;
    readonly annotations: unknown;
    readonly volumes: unknown;
    readonly initContainers: unknown;
    readonly containers: unknown;
  };
}

const ASKED_FOR = ["openservicemesh.io/", "prometheus.io/"];

const Anything = v.nullish(v.unknown());
const Security = v.nullish(fieldsOf({ runAsUser: Anything }), {});
/** Not looked into: of a million labels, none matters here. */
const AnyMap = v.nullish(v.custom<Readonly<Record<string, unknown>>>(isRecord, "a map"));

const ContainerFields = fieldsOf({
  name: NameText,
  ports: listOf(fieldsOf({ name: Text, containerPort: Anything })),
  restartPolicy: Text,
  securityContext: Security,
  volumeMounts: listOf(fieldsOf({ name: AnyText })),
  livenessProbe: Anything,
  readinessProbe: Anything,
  startupProbe: Anything,
  lifecycle: v.nullish(fieldsOf({ postStart: Anything, preStop: Anything }), {}),
});

const OwnerReferences = listOf(fieldsOf({ kind: NameText, name: NameText, controller: Flag }));

const PodFields = fieldsOf({
  metadata: fieldsOf({ labels: AnyMap, annotations: AnyMap, ownerReferences: Anything }),
  spec: fieldsOf({
    serviceAccountName: Text,
    serviceAccount: Text,
    hostNetwork: Flag,
    restartPolicy: Text,
    nodeSelector: AnyMap,
    os: v.nullish(fieldsOf({ name: Text }), {}),
    securityContext: Security,
    volumes: listOf(fieldsOf({ name: AnyText, secret: v.nullish(fieldsOf({ secretName: Text }), {}) })),
    initContainers: listOf(ContainerFields),
    containers: v.pipe(v.array(ContainerFields, "a list"), v.minLength(1, "a list of at least one container")),
  }),
});

type SpecFields = v.InferOutput<typeof PodFields>["spec"];

/** @param namespace - The request's: a pod made by a controller may not name its own. */
export function readPod(
  raw: unknown,
  namespace: string,
): { readonly ok: true; readonly pod: PodView } | { readonly ok: false; readonly reason: string } {
  // One finding is enough to refuse, and a hostile pod could hold a hundred thousand.
  const read = v.safeParse(PodFields, raw, { abortEarly: true });
  if (!read.success) {
    const [issue] = read.issues;
    return {
      ok: false,
      reason: `the pod cannot be read: ${pathText(issuePath(issue)) || "it"} ${issueMessage(issue)}`,
    };
  }
  const { metadata, spec } = read.output;
  const { labels, annotations, ownerReferences } = metadata;
  return {
    ok: true,
    pod: {
      namespace,
      serviceAccount: accountOf(spec),
      hostNetwork: spec.hostNetwork,
      windows: isWindows(spec),
      restartPolicy: spec.restartPolicy === "" ? "Always" : spec.restartPolicy,
      annotations: textsOf(annotations ?? {}),
      ...ownerOf(ownerReferences),
      containers: [
        ...spec.initContainers.map((one, index) => toContainer(spec, one, { list: "initContainers", index })),
        ...spec.containers.map((one, index) => toContainer(spec, one, { list: "containers", index })),
      ],
      volumes: spec.volumes.map(({ name, secret }) => ({
        name,
        ...(secret == null || secret.secretName === "" ? {} : { secretName: secret.secretName }),
      })),
      written: { labels, annotations, ...listsOf(raw) },
    },
  };
}

/** For metrics alone: a pod whose owners cannot be read has none. */
function ownerOf(references: unknown): Pick<PodView, "owner"> {
  const owners = v.safeParse(OwnerReferences, references);
  const owner = owners.success ? owners.output.find(({ controller }) => controller) : undefined;
  return owner === undefined ? {} : { owner: { kind: owner.kind, name: owner.name } };
}

function listsOf(raw: unknown): Omit<PodView["written"], "labels" | "annotations"> {
  const spec = isRecord(raw) && isRecord(raw["spec"]) ? raw["spec"] : {};
  return { volumes: spec["volumes"], initContainers: spec["initContainers"], containers: spec["containers"] };
}

function toContainer(
  pod: SpecFields,
  read: v.InferOutput<typeof ContainerFields>,
  at: { readonly list: ContainerList; readonly index: number },
): ContainerView {
  const { name, ports, restartPolicy, volumeMounts, lifecycle } = read;
  const { livenessProbe, readinessProbe, startupProbe } = read;
  const runAsUser = read.securityContext?.runAsUser ?? pod.securityContext?.runAsUser;
  return {
    ...at,
    name,
    ports: ports.flatMap((one) => (v.is(Port, one.containerPort) ? [{ name: one.name, port: one.containerPort }] : [])),
    native: at.list === "initContainers" && restartPolicy === "Always",
    ...(isWhole(runAsUser) ? { runAsUser } : {}),
    mounts: volumeMounts.map((mount) => mount.name),
    probes: recordsOf({ livenessProbe, readinessProbe, startupProbe }),
    hooks: Object.entries(recordsOf({ ...lifecycle })).flatMap(([hook, action]) =>
      isRecord(action["httpGet"]) || isRecord(action["tcpSocket"]) ? [hook] : [],
    ),
  };
}

function isWindows({ nodeSelector, os }: SpecFields): boolean {
  const selected = nodeSelector?.["kubernetes.io/os"];
  const name = typeof selected === "string" ? selected : (os?.name ?? "");
  return name.toLowerCase() === "windows";
}

function recordsOf(values: Readonly<Record<string, unknown>>): Record<string, Readonly<Record<string, unknown>>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (isRecord(value) ? [[key, value] as const] : [])),
  );
}

/** Of names that injection may ask for: there could be a hundred thousand others. */
function textsOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  const asked = Object.keys(values).filter((key) => ASKED_FOR.some((prefix) => key.startsWith(prefix)));
  return Object.fromEntries(
    asked.flatMap((key) => {
      const value = values[key];
      return typeof value === "string" ? [[key, value] as const] : [];
    }),
  );
}
