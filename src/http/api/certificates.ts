/**
 * `GET /api/v1/certificates`: who is vouched for, by which root, until when. Never a key.
 *
 * @module
 */
import * as v from "valibot";
import { compareNames, compareText, keyOf } from "../../core/base/ref.ts";
import type { ProxyState } from "../../engine/engine.ts";
import { defineEndpoint, type Endpoint } from "./endpoint.ts";
import { Timestamp, toTimestamp } from "./fields.ts";
import type { CertificateFacts, CertificateInventory, MeshView } from "./mesh-view.ts";

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

const IdentityAnswer = v.object({
  namespace: v.string(),
  serviceAccount: v.string(),
  ...FACTS,
  dnsNames: v.array(v.string()),
  uris: v.array(v.string()),
  root: v.pipe(v.string(), v.description("Fingerprint of the root that it leads to")),
  heldBy: v.pipe(
    v.array(v.string()),
    v.description("UUIDs of the connected proxies that accepted it, or may go on with an earlier one"),
  ),
});

const CertificatesAnswer = v.object({ roots: v.array(RootAnswer), identities: v.array(IdentityAnswer) });

export function certificateEndpoints(mesh: Pick<MeshView, "certificates" | "proxies">): readonly Endpoint[] {
  return [listEndpoint(mesh), identityEndpoint(mesh)];
}

function identityEndpoint(mesh: Pick<MeshView, "certificates" | "proxies">): Endpoint {
  const find = async ({ namespace, serviceaccount }: Readonly<Record<string, string>>) => {
    const { roots, leaves } = await mesh.certificates();
    const leaf = leaves.find(
      ({ serviceAccount: { namespace: ns, name } }) => ns === namespace && name === serviceaccount,
    );
    return leaf && { roots, leaves: [leaf] };
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
      return found && toAnswer(found, mesh.proxies()).identities[0];
    },
    pem: async (parameters) => (await find(parameters))?.leaves[0]?.pem,
  });
}

function listEndpoint(mesh: Pick<MeshView, "certificates" | "proxies">): Endpoint {
  return defineEndpoint({
    path: "/api/v1/certificates",
    id: "listCertificates",
    summary: "Roots of trust, and the certificate of each identity",
    description:
      "Of the replica that answers. Sorted by namespace and service account. As PEM: the roots, then each identity's chain. Private keys are never shown.",
    schemaName: "Certificates",
    schema: CertificatesAnswer,
    read: async () => toAnswer(await mesh.certificates(), mesh.proxies()),
    pem: async () => {
      const { roots, leaves } = await mesh.certificates();
      return [...roots, ...leaves].map(({ pem }) => pem).join("");
    },
  });
}

function toAnswer(
  { roots, leaves }: CertificateInventory,
  proxies: readonly ProxyState[],
): v.InferOutput<typeof CertificatesAnswer> {
  const holders = holdersByAccount(proxies);
  const sortedRoots = [...roots].sort((a, b) => compareText(a.facts.fingerprint, b.facts.fingerprint));
  const sortedLeaves = [...leaves].sort((a, b) => compareNames(a.serviceAccount, b.serviceAccount));
  return {
    roots: sortedRoots.map(({ facts, signing }) => ({ ...toFacts(facts), signing })),
    identities: sortedLeaves.map(({ serviceAccount, facts, root }) => ({
      namespace: serviceAccount.namespace,
      serviceAccount: serviceAccount.name,
      ...toFacts(facts),
      dnsNames: [...facts.dnsSans],
      uris: [...facts.uriSans],
      root,
      heldBy: (holders.get(keyOf(serviceAccount)) ?? []).map(({ uuid }) => uuid).sort(compareText),
    })),
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
