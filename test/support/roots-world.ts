/**
 * A cluster whose roots are moved: an API server with the webhook before it, a replica that is asked, and another one
 * that leads and follows roles.
 *
 * @module
 */

import type { CertificateProvider } from "../../src/ca/provider.ts";
import { ProviderUnavailable } from "../../src/ca/providers/unavailable.ts";
import { meshRoots } from "../../src/cluster/mesh-roots.ts";
import { type RootLevers, rootLevers } from "../../src/cluster/root-levers.ts";
import { clusterRecordStore, secretKeeper } from "../../src/cluster/rotation-store.ts";
import type { Millis } from "../../src/core/base/millis.ts";
import { MeshRootCertificate, type RootProvider, writtenProvider } from "../../src/core/model/mesh-root-certificate.ts";
import { advance, parseRecord, type RotationRecord, steadyOn } from "../../src/rotation/record.ts";
import { type RootKeeper, RootOpener } from "../../src/rotation/roots.ts";
import { Rotator } from "../../src/rotation/rotator.ts";
import { openAccess } from "../../src/sources/kubernetes/access.ts";
import { type ApiRequest, createClient, type KubernetesClient } from "../../src/sources/kubernetes/client.ts";
import { KubernetesError } from "../../src/sources/kubernetes/kubernetes-error.ts";
import type { FakeObject } from "./fake-api-answers.ts";
import { FakeApiServer } from "./fake-api-server.ts";
import { reviewRoot } from "./root-webhook.ts";

export const NAMESPACE = "osm-system";
const SECRETS = "/api/v1/secrets";
const ROOTS = "/apis/config.openservicemesh.io/v1alpha2/meshrootcertificates";
/** An authority that signs. */
export const GOOD: RootProvider = { kind: "certManager", issuerName: "good", issuerKind: "Issuer", issuerGroup: "g" };
/** And one that does not. */
export const BAD: RootProvider = { ...GOOD, issuerName: "bad" };

type Client = Pick<KubernetesClient, "request">;

/** A replica: what it holds, and its levers. */
export interface Replica {
  readonly rotator: Rotator;
  readonly levers: RootLevers;
}

export class RootsWorld {
  byRoles = true;
  /** Authorities that the leader cannot reach, by the name of the issuer. */
  readonly outOfReach = new Set<string>();
  /** What the webhook believes is there; undefined: it knows all at once. */
  believed: readonly MeshRootCertificate[] | undefined;
  /** Writes of the asked replica that still arrive; then it is dead. */
  writesLeft = Number.POSITIVE_INFINITY;
  /** What happens just before a write of the asked replica, and just after it; what they throw is its answer. */
  beforeWrite: (request: ApiRequest) => void = () => {};
  afterWrite: (request: ApiRequest) => void = () => {};
  readonly #server: FakeApiServer;
  readonly #client: KubernetesClient;
  #leader: Rotator | undefined;
  #leads = false;
  #leading: NodeJS.Timeout | undefined;
  #now = Date.now();

  private constructor(server: FakeApiServer, client: KubernetesClient) {
    this.#server = server;
    this.#client = client;
  }

  static async start(): Promise<RootsWorld> {
    const server = await FakeApiServer.start();
    for (const [path, kind] of [
      [SECRETS, "Secret"],
      ["/api/v1/configmaps", "ConfigMap"],
      [ROOTS, "MeshRootCertificate"],
    ] as const)
      server.serveKind(path, kind);
    return new RootsWorld(server, createClient(await openAccess({ kind: "file", path: server.kubeconfig() })));
  }

  async stop(): Promise<void> {
    this.stopLeading();
    this.#client.close();
    await this.#server.stop();
  }

  /** A replica that may be asked. */
  async replica(): Promise<Replica> {
    const client: Client = { request: (request) => this.#mortal(request) };
    const rotator = await this.#open(client, () => true);
    const levers = rootLevers({
      client,
      namespace: NAMESPACE,
      rotator,
      byRoles: () => this.byRoles,
      now: () => this.#tick(),
      pause: () => this.#pause(),
    });
    return { rotator, levers };
  }

  /** Another replica leads from now on: it follows roles every few milliseconds. */
  async lead(): Promise<void> {
    const client: Client = { request: (request) => this.#client.request(request) };
    const rotator = await this.#open(client, (issuer) => !this.outOfReach.has(issuer));
    const certificates = { now: this.roots() };
    const options = { client, namespace: NAMESPACE, rotator, now: () => this.#now };
    const chore = meshRoots({ ...options, certificates: () => certificates.now });
    const look = async (): Promise<void> => {
      certificates.now = this.roots();
      await rotator.refresh();
      await chore.run();
      if (this.#leads) this.#leading = setTimeout(() => void look().catch(() => undefined), 5);
    };
    this.#leader = rotator;
    this.#leads = true;
    await look();
  }

  /** Nobody leads any more. */
  stopLeading(): void {
    this.#leads = false;
    clearTimeout(this.#leading);
  }

  /** As the leader holds it, after it looked at everything. */
  async record(): Promise<RotationRecord> {
    await this.#leader?.refresh();
    const record = this.#leader?.roots().record;
    if (record === undefined) throw new Error("nobody leads");
    return record;
  }

  /** Every proxy has proven what the phase is about. */
  async advance(): Promise<void> {
    await this.#leader?.refresh();
    await this.#leader?.change((record) => (record.phase === "steady" ? record : advance(record, this.#now)));
  }

  roots(): readonly MeshRootCertificate[] {
    return this.objects(ROOTS).flatMap((object) => {
      const parsed = MeshRootCertificate.parse(object);
      return parsed.ok ? [parsed.value] : [];
    });
  }

  /** `name role`, sorted. */
  roles(): readonly string[] {
    return this.roots()
      .map(({ meta, role }) => `${meta.name} ${role}`)
      .sort();
  }

  root(name: string): MeshRootCertificate | undefined {
    return this.roots().find(({ meta }) => meta.name === name);
  }

  /** Names of Secrets, sorted. */
  secrets(): readonly string[] {
    return this.objects(SECRETS)
      .map(({ metadata }) => metadata.name)
      .sort();
  }

  objects(path: string): readonly FakeObject[] {
    return this.#server.all(path);
  }

  /** Written past the webhook, as before a test. */
  putRoot(name: string, role: string, provider: RootProvider = ownKey("osm-ca-bundle"), more: object = {}): void {
    const spec = {
      role,
      trustDomain: "cluster.local",
      spiffeEnabled: false,
      provider: writtenProvider(provider),
      ...more,
    };
    this.#server.put(ROOTS, { metadata: { name, namespace: NAMESPACE }, spec });
  }

  putSecret(name: string, data: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>> = {}): void {
    const coded = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, btoa(text)]));
    this.#server.put(SECRETS, { metadata: { name, namespace: NAMESPACE, labels }, data: coded });
  }

  /** Writes a status as the leader would, about this generation. */
  sayTrouble(name: string, observedGeneration: number, message: string): void {
    const found = this.#server.get(ROOTS, `${NAMESPACE}/${name}`);
    if (found === undefined) throw new Error(`there is no MeshRootCertificate ${name}`);
    const conditions = [{ type: "Accepted", status: "False", reason: "CannotBeFollowed", message, observedGeneration }];
    this.#server.put(ROOTS, { ...found, status: { conditions } });
  }

  /** A copy of the root that a Secret holds, under another name. */
  copySecret(name: string, to: string): void {
    const found = this.#server.get(SECRETS, `${NAMESPACE}/${name}`);
    if (found === undefined) throw new Error(`there is no Secret ${name}`);
    this.#server.put(SECRETS, { ...found, metadata: { name: to, namespace: NAMESPACE } });
  }

  removeRoot(name: string): void {
    this.#server.remove(ROOTS, `${NAMESPACE}/${name}`);
  }

  #tick(): Millis {
    this.#now += 100;
    return this.#now;
  }

  /** Time enough for the leader, not for the test's patience. */
  async #pause(): Promise<void> {
    this.believed = undefined;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  #open(client: Client, reaches: (issuer: string) => boolean): Promise<Rotator> {
    const place = { client, namespace: NAMESPACE };
    const own = secretKeeper(place, () => Date.now());
    const keeper: RootKeeper = {
      create: (trustDomain) => own.create(trustDomain),
      open: async (ref) => (ref.source.kind === "builtin" ? own.open(ref) : authority(ref.source.settings, reaches)),
    };
    const first = { name: "osm-ca-bundle", source: { kind: "builtin", store: "osm-ca-bundle" } as const };
    return Rotator.open({
      store: clusterRecordStore(place, parseRecord),
      opener: new RootOpener(
        keeper,
        () => this.#now,
        async () => {},
      ),
      initial: steadyOn({ ...first, trustDomain: "cluster.local", certificates: [] }, 0),
      now: () => this.#now,
    }).then(async (rotator) => {
      await rotator.keep();
      return rotator;
    });
  }

  async #mortal(request: ApiRequest): Promise<unknown> {
    const { method = "GET", path } = request;
    if (method === "GET" && this.writesLeft > 0) return this.#client.request(request);
    if (this.writesLeft <= 0) throw new KubernetesError({ method, path, status: 0, reason: "", detail: "dead" });
    this.writesLeft -= 1;
    this.beforeWrite(request);
    const name = path.split("/meshrootcertificates/")[1];
    const found = name === undefined ? undefined : this.#server.get(ROOTS, `${NAMESPACE}/${name}`);
    if (path.includes("/meshrootcertificates")) reviewRoot(request, found, this.believed ?? this.roots());
    const answer = await this.#client.request(request);
    this.afterWrite(request);
    return answer;
  }
}

export function ownKey(name: string, namespace = NAMESPACE): RootProvider {
  return { kind: "tresor", secret: { namespace, name } };
}

function authority(
  { issuerName = "" }: Readonly<Record<string, string>>,
  reaches: (issuer: string) => boolean,
): CertificateProvider {
  if (issuerName === "bad" || !reaches(issuerName))
    throw new ProviderUnavailable({
      provider: `cert-manager's Issuer ${NAMESPACE}/${issuerName}`,
      kind: "issuer-missing",
      detail: "there is no such Issuer",
      wayOut: "make it",
    });
  return {
    name: issuerName,
    issuerId: `id-${issuerName}`,
    issuerEnds: () => Number.POSITIVE_INFINITY,
    trustBundle: () => [`PEM of ${issuerName}\n`],
    issue: () => Promise.reject(new Error("nobody asks for a leaf here")),
  };
}
