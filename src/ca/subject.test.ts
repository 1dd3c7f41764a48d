import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseProxyCommonName } from "../core/base/identity.ts";
import { identityFromPeer } from "./peer.ts";
import { type IssueRefusal, IssueRefused } from "./refusal.ts";
import { adsServerName, type LeafSubject, namesOf } from "./subject.ts";

const UUID = "11111111-2222-3333-4444-555555555555";
const OTHER = "99999999-2222-3333-4444-555555555555";
const DOMAIN = "cluster.local";

function refusalOf(subject: LeafSubject, trustDomain = DOMAIN): IssueRefusal {
  try {
    namesOf(subject, trustDomain);
  } catch (error) {
    if (error instanceof IssueRefused) return error.reason;
    throw error;
  }
  throw new assert.AssertionError({ message: "nothing was refused" });
}

function service(name: string, namespace = "shop"): LeafSubject {
  return { kind: "service", serviceAccount: { namespace, name } };
}

describe("namesOf", () => {
  it("takes dots in the service account's name", () => {
    const names = namesOf(service("a.b"), DOMAIN);
    assert.deepEqual(names.dnsSans, ["a.b.shop.cluster.local"]);
    assert.deepEqual(names.uriSans, ["spiffe://cluster.local/a.b/shop"]);
  });

  it("names the xDS server", () => assert.equal(adsServerName("mesh.example"), "ads.mesh.example"));

  it("lists a server's repeated name once", () => {
    assert.deepEqual(namesOf({ kind: "server", dnsNames: ["a.b", "c.d", "a.b"] }, DOMAIN).dnsSans, ["a.b", "c.d"]);
  });

  it("takes 63 characters between dots and refuses 64", () => {
    assert.equal(namesOf(service("a".repeat(63)), DOMAIN).dnsSans.length, 1);
    const reason = refusalOf(service("a".repeat(64)));
    assert.equal(reason.kind === "name-too-long" && reason.part, "label");
  });

  it("takes 253 characters in all and refuses 254", () => {
    const rest = `.shop.${DOMAIN}`.length;
    const long = (chars: number) => Array.from({ length: chars }, (_, i) => (i % 40 === 39 ? "." : "a")).join("");
    assert.equal(namesOf(service(long(253 - rest)), DOMAIN).commonName.length, 253);
    const reason = refusalOf(service(long(254 - rest)));
    assert.equal(reason.kind === "name-too-long" && reason.part, "name");
  });

  for (const name of ["", "A", "a_b", "-a", "a-", "a..b", "*", "a b", "a,URI:spiffe://x", "a\n", "a/b", "é"]) {
    it(`refuses the service account ${JSON.stringify(name)}`, () => {
      assert.equal(refusalOf(service(name)).kind, "name-malformed");
    });
  }

  it("refuses a namespace with a dot, which would change whose name it is", () => {
    assert.equal(refusalOf(service("a", "b.shop")).kind, "name-malformed");
  });

  it("refuses a proxy without a UUID, and a server name with a wildcard", () => {
    const serviceAccount = { namespace: "shop", name: "a" };
    assert.equal(refusalOf({ kind: "proxy", identity: { uuid: "x", serviceAccount } }).kind, "name-malformed");
    assert.equal(refusalOf({ kind: "server", dnsNames: ["*.cluster.local"] }).kind, "name-malformed");
  });

  it("refuses a service account whose name reads as a proxy of another", () => {
    assert.equal(refusalOf(service(`${UUID}.sidecar.victim`)).kind, "name-ambiguous");
  });
});

describe("identityFromPeer", () => {
  const identity = { uuid: UUID, serviceAccount: { namespace: "shop", name: "a.b" } };
  const own = namesOf({ kind: "proxy", identity }, DOMAIN);

  it("reads back what was issued", () => assert.deepEqual(identityFromPeer(own, DOMAIN), identity));

  it("does not need the common name", () => {
    assert.deepEqual(identityFromPeer({ ...own, commonName: undefined }, DOMAIN), identity);
    assert.deepEqual(identityFromPeer({ ...own, commonName: "someone" }, DOMAIN), identity);
  });

  it("takes OSM's certificates: no URI, or its own form of it", () => {
    assert.deepEqual(identityFromPeer({ ...own, uriSans: [] }, DOMAIN), identity);
    assert.deepEqual(
      identityFromPeer({ ...own, uriSans: [`spiffe://${DOMAIN}/${UUID}/sidecar/a.b/shop`] }, DOMAIN),
      identity,
    );
  });

  it("refuses names of two proxies", () => {
    assert.equal(identityFromPeer({ ...own, commonName: own.commonName.replace(UUID, OTHER) }, DOMAIN), undefined);
    assert.equal(identityFromPeer({ ...own, dnsSans: [`${UUID}.sidecar.z.shop.${DOMAIN}`] }, DOMAIN), undefined);
  });

  it("refuses another identity's SPIFFE ID, alone or beside its own", () => {
    const foreign = `spiffe://${DOMAIN}/z/shop`;
    assert.equal(identityFromPeer({ ...own, uriSans: [foreign] }, DOMAIN), undefined);
    assert.equal(identityFromPeer({ ...own, uriSans: [...own.uriSans, foreign] }, DOMAIN), undefined);
  });

  it("refuses a service certificate of an account that is called like a proxy", () => {
    const name = `${UUID}.sidecar.victim.shop.${DOMAIN}`;
    assert.notEqual(parseProxyCommonName(name, DOMAIN), undefined, "the attack needs this");
    const peer = { commonName: name, dnsSans: [name], uriSans: [`spiffe://${DOMAIN}/${UUID}.sidecar.victim/shop`] };
    assert.equal(identityFromPeer(peer, DOMAIN), undefined);
  });

  it("refuses services, servers, other trust domains and nobody", () => {
    assert.equal(identityFromPeer(namesOf(service("a"), DOMAIN), DOMAIN), undefined);
    assert.equal(
      identityFromPeer({ commonName: "ads.cluster.local", dnsSans: ["ads.cluster.local"], uriSans: [] }, DOMAIN),
      undefined,
    );
    assert.equal(identityFromPeer(own, "example.org"), undefined);
    assert.equal(identityFromPeer({ commonName: undefined, dnsSans: [], uriSans: [] }, DOMAIN), undefined);
  });
});
