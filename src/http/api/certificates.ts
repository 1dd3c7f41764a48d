/**
 * `GET /api/v1/certificates`: who is vouched for, by which root, until when, and who signs. Never a key.
 *
 * @module
 */
import * as v from "valibot";
import { compareNames, compareText, keyOf } from "../../core/base/ref.ts";
import type { ProxyState } from "../../engine/engine.ts";
import { defineEndpoint, type Endpoint, type PathParameters } from "./endpoint.ts";
import { Count, Timestamp, toTimestamp } from "./fields.ts";
import type { CertificateFacts, CertificateInventory, MeshView, ProviderInfo } from "./mesh-view.ts";
import { Replicas, toReplicas } from "./replicas.ts";

const Fingerprint = v.pipe(v.string(), v.description("SHA-256 of the certificate, lower-case hexadecimal"));

const FACTS = {
  serial: v.pipe(v.string(), v.description("Lower-case hexadecimal")),
  subject: v.string(),
  issuer: v.string(),
  notBefore: Timestamp,
  notAfter: Timestamp,
  keyAlgorithm: v.string(),
  fingerprint: Fingerprint,
};

const RootAnswer = v.object({
  ...FACTS,
  signing: v.pipe(v.boolean(), v.description("New certificates lead to it; the others are only trusted")),
});

const IntermediateAnswer = v.object({
  ...FACTS,
  root: v.pipe(v.string(), v.description("Fingerprint of the root that it leads to")),
});

const ProviderAnswer = v.object({
  name: v.string(),
  signing: v.pipe(v.boolean(), v.description("New certificates of workloads come from it")),
  outage: v.optional(
    v.pipe(
      v.object({
        since: Timestamp,
        seconds: v.pipe(Count, v.description("For how long")),
        kind: v.pipe(v.string(), v.description("What the last failure was; the log has the provider's own words")),
        failures: v.pipe(Count, v.description("In a row")),
      }),
      v.description("It gives no certificates to the replica that answers; absent while it does"),
    ),
  ),
});

const IdentityAnswer = v.object({
  namespace: v.string(),
  serviceAccount: v.string(),
  ...FACTS,
  dnsNames: v.array(v.string()),
  uris: v.array(v.string()),
  root: v.pipe(v.string(), v.description("Fingerprint of the root that it leads to")),
  heldBy: v.pipe(
    v.array(v.string()),
    v.description("UUIDs of the proxies, connected to this replica, that accepted it or may go on with an earlier one"),
  ),
});

const CertificatesAnswer = v.object({
  replicas: Replicas,
  providers: v.pipe(v.array(ProviderAnswer), v.description("Who signs")),
  roots: v.array(RootAnswer),
  intermediates: v.pipe(
    v.array(IntermediateAnswer),
    v.description("Authorities between a root and the certificates in force; empty where roots sign themselves"),
  ),
  identities: v.array(IdentityAnswer),
});

type CertificateView = Pick<MeshView, "certificates" | "proxies" | "replicas">;

export function certificateEndpoints(mesh: CertificateView): readonly Endpoint[] {
  return [listEndpoint(mesh), identityEndpoint(mesh)];
}

function identityEndpoint(mesh: CertificateView): Endpoint {
  const find = async ({ namespace, serviceaccount }: PathParameters) => {
    const { leaves } = await mesh.certificates();
    return leaves.find(({ serviceAccount: { namespace: ns, name } }) => ns === namespace && name === serviceaccount);
  };
  return defineEndpoint({
    path: "/api/v1/certificates/{namespace}/{serviceaccount}",
    id: "getCertificate",
    summary: "The certificate of one identity",
    description: "As PEM: the certificate, then the authorities between it and its root.",
    parameters: [
      { name: "namespace", description: "Of the service account" },
      { name: "serviceaccount", description: "Its name" },
    ],
    schemaName: "Certificate",
    schema: IdentityAnswer,
    read: async (parameters) => {
      const found = await find(parameters);
      return found && toIdentity(found, holdersByAccount(mesh.proxies()));
    },
    pem: async (parameters) => (await find(parameters))?.pem,
    absent: ({ namespace, serviceaccount }) =>
      `there is no certificate for ${namespace}/${serviceaccount}: an identity gets one when a proxy of it connects${otherViews(mesh)}`,
  });
}

/** Each replica vouches for who is connected to it. */
function otherViews(mesh: CertificateView): string {
  const others = toReplicas(mesh.replicas()).filter(({ self }) => !self);
  if (others.length === 0) return "";
  return `, and proxies may be connected to another replica: ask ${others.map(({ name }) => name).join(", ")}`;
}

function listEndpoint(mesh: CertificateView): Endpoint {
  return defineEndpoint({
    path: "/api/v1/certificates",
    id: "listCertificates",
    summary: "Who signs, the roots of trust, and the certificate of each identity",
    description:
      "As the replica that answers sees it: `heldBy` names the proxies that are connected to it. Sorted by namespace and service account. As PEM: the roots, the intermediates, then each identity's chain. Private keys are never shown.",
    schemaName: "Certificates",
    schema: CertificatesAnswer,
    read: async () => toAnswer(mesh, await mesh.certificates()),
    pem: async () => {
      const { roots, intermediates, leaves } = await mesh.certificates();
      return [...roots, ...intermediates, ...leaves].map(({ pem }) => pem).join("");
    },
  });
}

function toAnswer(
  mesh: CertificateView,
  { roots, intermediates, leaves, providers }: CertificateInventory,
): v.InferOutput<typeof CertificatesAnswer> {
  const holders = holdersByAccount(mesh.proxies());
  const sortedLeaves = [...leaves].sort((a, b) => compareNames(a.serviceAccount, b.serviceAccount));
  return {
    replicas: toReplicas(mesh.replicas()),
    providers: [...providers].sort((a, b) => compareText(a.name, b.name)).map(toProvider),
    roots: [...roots].sort(byFingerprint).map(({ facts, signing }) => ({ ...toFacts(facts), signing })),
    intermediates: [...intermediates].sort(byFingerprint).map(({ facts, root }) => ({ ...toFacts(facts), root })),
    identities: sortedLeaves.map((leaf) => toIdentity(leaf, holders)),
  };
}

function byFingerprint(a: { readonly facts: CertificateFacts }, b: { readonly facts: CertificateFacts }): number {
  return compareText(a.facts.fingerprint, b.facts.fingerprint);
}

function toProvider({ name, signing, outage }: ProviderInfo): v.InferOutput<typeof ProviderAnswer> {
  if (outage === undefined) return { name, signing };
  const { since, lasted, kind, failures } = outage;
  return { name, signing, outage: { since: toTimestamp(since), seconds: Math.round(lasted / 1000), kind, failures } };
}

function toIdentity(
  { serviceAccount, facts, root }: CertificateInventory["leaves"][number],
  holders: ReturnType<typeof holdersByAccount>,
): v.InferOutput<typeof IdentityAnswer> {
  return {
    namespace: serviceAccount.namespace,
    serviceAccount: serviceAccount.name,
    ...toFacts(facts),
    dnsNames: [...facts.dnsSans],
    uris: [...facts.uriSans],
    root,
    heldBy: (holders.get(keyOf(serviceAccount)) ?? []).map(({ uuid }) => uuid).sort(compareText),
  };
}

function holdersByAccount(proxies: readonly ProxyState[]): ReadonlyMap<string, readonly ProxyState[]> {
  const holding = proxies.filter(({ acknowledged }) =>
    acknowledged.some(({ kind, current }) => kind === "secret" && current),
  );
  return Map.groupBy(holding, ({ namespace, serviceAccount }) => keyOf({ namespace, name: serviceAccount }));
}

function toFacts({ serial, subject, issuer, notBefore, notAfter, keyAlgorithm, fingerprint }: CertificateFacts) {
  return {
    serial,
    subject,
    issuer,
    notBefore: toTimestamp(notBefore),
    notAfter: toTimestamp(notAfter),
    keyAlgorithm,
    fingerprint,
  };
}
