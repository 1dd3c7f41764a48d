/**
 * What tests against real authorities share: the provider as an operator's words choose it, and `openssl`'s judgement.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Authority } from "../../src/ca/authority.ts";
import { SYSTEM_CLOCK } from "../../src/ca/clock.ts";
import type { Leaf } from "../../src/ca/leaf.ts";
import type { CertificateProvider } from "../../src/ca/provider.ts";
import { type ProviderDeps, type ProviderSpec, providerFrom } from "../../src/ca/providers/choose.ts";
import type { OutageEvent } from "../../src/ca/providers/outage.ts";
import { ProviderUnavailable } from "../../src/ca/providers/unavailable.ts";
import type { LeafSubject } from "../../src/ca/subject.ts";
import type { OpensslCa } from "../../src/ca/testing/openssl-ca.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const TRUST_DOMAIN = "cluster.local";
const UUID = "11111111-2222-3333-4444-555555555555";
const ACCOUNT = { namespace: "bookbuyer", name: "bookbuyer" };

export const SUBJECTS: readonly { readonly subject: LeafSubject; readonly sans: string }[] = [
  {
    subject: { kind: "service", serviceAccount: ACCOUNT },
    sans: "DNS:bookbuyer.bookbuyer.cluster.local, URI:spiffe://cluster.local/bookbuyer/bookbuyer",
  },
  {
    subject: { kind: "proxy", identity: { uuid: UUID, serviceAccount: ACCOUNT } },
    sans: `DNS:${UUID}.sidecar.bookbuyer.bookbuyer.cluster.local, URI:spiffe://cluster.local/bookbuyer/bookbuyer`,
  },
  {
    subject: { kind: "server", dnsNames: ["ads.cluster.local", "osm-controller.osm-system.svc", "localhost"] },
    sans: "DNS:ads.cluster.local, DNS:localhost, DNS:osm-controller.osm-system.svc",
  },
];

export interface Opened {
  readonly provider: CertificateProvider;
  readonly authority: Authority;
  readonly events: OutageEvent[];
  readonly warnings: string[];
}

/** Opens a provider that `close` of it ends. */
export async function open(spec: ProviderSpec, deps: Partial<ProviderDeps>): Promise<Opened> {
  const events: OutageEvent[] = [];
  const warnings: string[] = [];
  const provider = await providerFrom(spec, {
    trustDomain: TRUST_DOMAIN,
    meshNamespace: "default",
    clock: SYSTEM_CLOCK,
    random: Math.random,
    openRoot: () => Promise.reject(new Error("no root is kept in this test")),
    readSecret: () => Promise.resolve(undefined),
    api: { request: () => Promise.reject(new Error("no API server is asked in this test")) },
    onOutage: (_, event) => events.push(event),
    onWarning: (message) => warnings.push(message),
    ...deps,
  });
  return { provider, authority: authorityOn(provider), events, warnings };
}

export function authorityOn(provider: CertificateProvider): Authority {
  return new Authority({ provider, trustDomain: TRUST_DOMAIN, now: () => Date.now() });
}

/** Of a service leaf; each call is another identity. */
export function issueTo(authority: Authority, name: string, life = HOUR): Promise<Leaf> {
  return authority.issue({ kind: "service", serviceAccount: { namespace: "shop", name } }, life);
}

/** `openssl` agrees with the chain and finds exactly these names, in any order. */
export function checkLeaf(ca: OpensslCa, authority: Authority, leaf: Leaf, sans: string): void {
  ca.verify(leaf.chain, authority.trustBundle().join(""));
  const sorted = (text: string) => text.split(", ").sort();
  assert.deepEqual(sorted(ca.sansOf(leaf.chain)), sorted(sans));
  const [fromKey, fromLeaf] = [
    ca.run("pkey", "-in", ca.file("leaf.key", leaf.key.reveal()), "-pubout"),
    ca.run("x509", "-in", ca.file("leaf.crt", leaf.chain), "-noout", "-pubkey"),
  ];
  assert.equal(fromKey, fromLeaf);
}

/** The error of a provider that could not be asked. */
export async function unavailable(work: Promise<unknown>): Promise<ProviderUnavailable> {
  const outcome = await work.then(
    () => "it succeeded",
    (cause: unknown) => cause,
  );
  assert.ok(outcome instanceof ProviderUnavailable, `not a provider that is unavailable: ${outcome}`);
  return outcome;
}
