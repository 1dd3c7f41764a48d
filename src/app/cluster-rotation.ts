/**
 * A rotation in a cluster: several replicas, bootstrap Secrets, and webhooks that the API server must go on trusting.
 *
 * @module
 */
import type { Leaf } from "../ca/leaf.ts";
import { type CredentialSource, LINGER } from "../cluster/bootstrap-rotation.ts";
import { correctCaBundles, type WebhookConfigurations } from "../cluster/ca-bundle.ts";
import { createCompany } from "../cluster/rotation-company.ts";
import type { Millis } from "../core/base/millis.ts";
import type { ReplicaReport } from "../rotation/gate.ts";
import type { OpenRoots } from "../rotation/roots.ts";
import type { Rotator } from "../rotation/rotator.ts";
import type { KubernetesClient } from "../sources/kubernetes/client.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { RotationCompany } from "./rotation.ts";

/** Of a pod's credential, as OSM's: ten years. It ends with its pod, since the pod must exist. */
const PROXY_LIFE: Millis = 87_600 * 3_600_000;

export interface ClusterCompanyOptions {
  readonly client: KubernetesClient;
  readonly namespace: string;
  readonly replica: string;
  readonly rotator: Rotator;
  readonly webhooks: WebhookConfigurations;
  /** Of all replicas that live, this one too. */
  readonly replicas: () => readonly string[];
  readonly leads: () => boolean;
  /** The certificate that this replica's webhooks show; undefined before there is one. */
  readonly webhookLeaf: () => Leaf | undefined;
}

/** The company that `createControlPlane` is given; `report` is set once the control plane is there. */
export function clusterCompany(options: ClusterCompanyOptions): RotationCompany {
  const { client, namespace, replica, rotator, webhooks, replicas, leads, webhookLeaf } = options;
  let report: (() => ReplicaReport) | undefined;
  const isReady = (): boolean => {
    const leaf = webhookLeaf();
    return leaf === undefined || leaf.issuerId === rotator.roots().signing.issuerId;
  };
  const company = createCompany({
    client,
    namespace,
    self: replica,
    replicas,
    refresh: () => rotator.refresh(),
    isMoving: () => rotator.roots().record.phase !== "steady",
    report() {
      const said = report?.() ?? { replica, step: -1, passed: [], pending: [] };
      return isReady() ? said : { ...said, step: said.step - 1 };
    },
    now: () => performance.now(),
  });
  return {
    others: () => company.others(),
    leads,
    exchange(advancer) {
      report ??= () => advancer.report(replica);
      return company.exchange();
    },
    async prepare() {
      if (!isReady()) throw new Error("the webhooks' certificate is not yet of the root that signs");
      // Before anybody shows a certificate of a root, or stops to, the API server must know.
      await correctCaBundles(client, webhooks, rotator.roots().trust);
    },
  };
}

/** What bootstrap Secrets should hold by now. */
export function bootstrapCredentials({ authority, engine, rotation }: ControlPlane): CredentialSource {
  const { rotator } = rotation;
  return {
    wanted() {
      const roots = rotator.roots();
      const { record } = roots;
      // A mesh whose root never changed has nothing to rewrite.
      if (record.step === 0) return undefined;
      if (record.phase === "steady" && Date.now() - record.since < LINGER) return undefined;
      return revisionOf(roots);
    },
    identityOf(uuid, namespace) {
      const pods = [...(engine.loop.mesh()?.graph.pods.byProxy.values() ?? [])];
      const [pod, another] = pods.filter((one) => one.proxyUuid === uuid && one.meta.namespace === namespace);
      if (pod === undefined || another !== undefined) return undefined;
      return { uuid, serviceAccount: { namespace, name: pod.serviceAccount } };
    },
    async issue(identity) {
      // What is asked now is signed under these, however long it takes and whatever changes meanwhile.
      const roots = rotator.roots();
      const { chain, key, issuerId } = await authority.issue({ kind: "proxy", identity }, PROXY_LIFE);
      return { chain, key, issuerId, roots: roots.trust, under: revisionOf(roots) };
    },
  };
}

function revisionOf({ signing, trusted }: OpenRoots): string {
  return [signing.issuerId.slice(0, 16), signing.trustDomain, ...trusted.map(({ name }) => name)].join("_");
}
