/**
 * The cert-manager provider with the real cert-manager of the cluster that KUBECONFIG names. CERT_MANAGER_DIR says that
 * one runs there.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Clock, SYSTEM_CLOCK } from "../../src/ca/clock.ts";
import { makeKeyPair, P256 } from "../../src/ca/keys.ts";
import { splitChain } from "../../src/ca/pki-read.ts";
import { createRequest } from "../../src/ca/pki-request.ts";
import { certManagerSigner } from "../../src/ca/providers/cert-manager.ts";
import type { ProviderDeps } from "../../src/ca/providers/choose.ts";
import { ProviderUnavailable } from "../../src/ca/providers/unavailable.ts";
import { IssueRefused } from "../../src/ca/refusal.ts";
import { OpensslCa } from "../../src/ca/testing/openssl-ca.ts";
import { openAccess } from "../../src/sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../../src/sources/kubernetes/client.ts";
import { hasStatus } from "../../src/sources/kubernetes/kubernetes-error.ts";
import { checkLeaf, HOUR, issueTo, MINUTE, open, SUBJECTS, unavailable } from "./rig.ts";

const { KUBECONFIG, CERT_MANAGER_DIR } = process.env;
const missing = KUBECONFIG === undefined || CERT_MANAGER_DIR === undefined;
if (missing) {
  console.error(
    "\n!!! SKIPPED: the cert-manager provider with a real cert-manager. There are no KUBECONFIG and CERT_MANAGER_DIR",
  );
}
const real = { skip: missing };
const GROUP = "cert-manager.io";
const CORE = "/api/v1/namespaces";

describe("a real cert-manager", () => {
  const namespace = `osm-pki-${crypto.randomUUID().slice(0, 8)}`;
  const openssl = new OpensslCa();
  let client: KubernetesClient;

  before(async () => {
    if (missing) return;
    client = createClient(await openAccess({ kind: "file", path: KUBECONFIG }));
    await client.request({
      method: "POST",
      path: CORE,
      body: { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    });
    const root = openssl.root("root");
    const mid = openssl.under(root, "mid");
    await caIssuer("mesh", root.certificate, root.key);
    await caIssuer("below", mid.certificate + root.certificate, mid.key);
    await caIssuer("rootless", mid.certificate, mid.key);
    const other = openssl.root("other");
    await caIssuer("other", other.certificate, other.key);
  });
  after(async () => {
    if (!missing) {
      await client.request({ method: "DELETE", path: `${CORE}/${namespace}` });
      client.close();
    }
    openssl.remove();
  });

  const collection = (plural: string) => `/apis/${GROUP}/v1/namespaces/${namespace}/${plural}`;

  async function caIssuer(name: string, certificate: string, key: string): Promise<void> {
    await secret(name, certificate, key);
    const body = { apiVersion: `${GROUP}/v1`, kind: "Issuer", metadata: { name }, spec: { ca: { secretName: name } } };
    await client.request({ method: "POST", path: collection("issuers"), body });
  }

  async function secret(name: string, certificate: string, key: string): Promise<void> {
    const body = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name },
      type: "kubernetes.io/tls",
      stringData: { "tls.crt": certificate, "tls.key": key },
    };
    const path = `${CORE}/${namespace}/secrets`;
    await client.request({ method: "DELETE", path: `${path}/${name}` }).catch((cause: unknown) => {
      if (!hasStatus(cause, 404)) throw cause;
    });
    await client.request({ method: "POST", path, body });
  }

  async function requests(): Promise<readonly { readonly metadata: { readonly name: string } }[]> {
    const list = await client.request({ path: collection("certificaterequests") });
    return (list as { items: { metadata: { name: string } }[] }).items;
  }

  function openAt(
    issuerName: string,
    { issuerKind = "Issuer", ...more }: Partial<ProviderDeps> & { issuerKind?: string } = {},
  ) {
    const spec = { kind: "certManager", issuerName, issuerKind, issuerGroup: GROUP } as const;
    return open(spec, { api: client, meshNamespace: namespace, ...more });
  }

  for (const { subject, sans } of SUBJECTS) {
    it(`has a ${subject.kind}'s leaf signed that openssl takes, with exactly its names`, real, async () => {
      const { authority, provider } = await openAt("mesh");
      const leaf = await authority.issue(subject, HOUR);
      checkLeaf(openssl, authority, leaf, sans);
      const text = openssl.run(
        "x509",
        "-in",
        openssl.file("eku.crt", leaf.chain),
        "-noout",
        "-ext",
        "extendedKeyUsage,keyUsage",
      );
      assert.match(text, /TLS Web Server Authentication, TLS Web Client Authentication/);
      assert.match(text, /Digital Signature\n/);
      provider.close?.();
    });
  }

  it("leaves no request behind, of a process that was killed either", real, async () => {
    const orphan = {
      apiVersion: `${GROUP}/v1`,
      kind: "CertificateRequest",
      metadata: {
        generateName: "osm-",
        labels: { "app.kubernetes.io/name": "openservicemesh.io", "app.kubernetes.io/component": "osm-certificate" },
      },
      spec: { request: btoa(await requestText()), issuerRef: { name: "mesh", kind: "Issuer", group: GROUP } },
    };
    await client.request({ method: "POST", path: collection("certificaterequests"), body: orphan });
    const clock: Clock = {
      now: () => Date.now() + 11 * MINUTE,
      schedule: (at, run) => SYSTEM_CLOCK.schedule(at - 11 * MINUTE, run),
    };
    // A clock ahead makes the orphan old; the leaf it gets is refused for that, which is not the point here.
    const { authority } = await openAt("mesh");
    await issueTo(authority, "one");
    assert.equal((await requests()).length, 1);
    await openAt("mesh", { clock }).catch(() => undefined);
    assert.deepEqual(await requests(), []);
  });

  async function requestText(): Promise<string> {
    openssl.run(
      "req",
      "-new",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      "/CN=x",
      "-keyout",
      "o.key",
      "-out",
      "o.csr",
    );
    return openssl.run("req", "-in", "o.csr");
  }

  it("gives lives below an hour and of years, as far as the issuer lives", real, async () => {
    const { authority, provider } = await openAt("mesh");
    const short = await issueTo(authority, "short", 2 * MINUTE);
    assert.ok(Math.abs(short.notAfter - Date.now() - 2 * MINUTE) < 10_000, new Date(short.notAfter).toISOString());
    const long = await issueTo(authority, "long", 87_600 * HOUR);
    assert.ok(long.notAfter <= provider.issuerEnds());
  });

  it("an intermediate is served with its leaves", real, async () => {
    const { authority } = await openAt("below");
    const leaf = await issueTo(authority, "below");
    assert.equal(splitChain(leaf.chain, "chain").length, 2);
    checkLeaf(openssl, authority, leaf, "DNS:below.shop.cluster.local, URI:spiffe://cluster.local/below/shop");
  });

  it("an issuer that does not give its root is refused, with what to do", real, async () => {
    const error = await unavailable(openAt("rootless"));
    assert.match(
      error.message,
      /"CN=mid" was issued by "CN=root", which was not given; .*Secret needs the whole chain/,
    );
  });

  it("an issuer that is given another root is refused until the mesh's root is rotated", real, async () => {
    const first = openssl.root("first");
    await caIssuer("turning", first.certificate, first.key);
    const { authority } = await openAt("turning");
    await issueTo(authority, "before");
    const second = openssl.root("second");
    await secret("turning", second.certificate, second.key);
    let refused: unknown;
    for (let i = 0; i < 40 && refused === undefined; i++) {
      refused = await issueTo(authority, `after-${i}`).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(refused instanceof IssueRefused && refused.reason.kind === "root-changed", String(refused));
  });

  it("a denial is named", real, async () => {
    const api: ProviderDeps["api"] = {
      async request(asked) {
        const made = await client.request(asked);
        if (asked.method !== "POST") return made;
        const { name } = (made as { metadata: { name: string } }).metadata;
        const path = `${asked.path}/${name}/status`;
        const conditions = [{ type: "Denied", status: "True", reason: "Policy", message: "not on a Monday" }];
        // A request is decided once, and the approver may have been first.
        await client.request({ method: "PATCH", path, body: { status: { conditions } } }).catch(() => undefined);
        return made;
      },
    };
    let error: unknown;
    for (let i = 0; i < 20 && error === undefined; i++) {
      error = await openAt("mesh", { api }).then(
        () => undefined,
        (cause: unknown) => cause,
      );
    }
    assert.ok(error instanceof ProviderUnavailable && error.kind === "denied", String(error));
    assert.match(error.message, /not on a Monday|denied/i);
    assert.deepEqual(await requests(), []);
  });

  it("an issuer that is not there, and a cluster that has no cert-manager, are named", real, async () => {
    const issuer = { issuerName: "nobody", issuerKind: "ClusterIssuer", issuerGroup: GROUP };
    const base = { api: client, namespace, issuer, clock: SYSTEM_CLOCK, onWarning: () => {} };
    const signer = certManagerSigner({ ...base, deadline: 3000 });
    const { request } = await probe();
    const error = await unavailable(signer.sign(request, HOUR));
    assert.equal(error.kind, "timeout");
    assert.match(
      error.message,
      /not answered within 3 s: .*nobody.* not found.*kubectl describe clusterissuer nobody/i,
    );
    assert.deepEqual(await requests(), []);
    const nowhere = certManagerSigner({ ...base, namespace: "not-there" });
    assert.equal((await unavailable(nowhere.sign(request, HOUR))).kind, "mount-missing");
  });

  async function probe() {
    const { publicKey, privateKey } = await makeKeyPair(P256);
    const names = { commonName: "a.b", dnsSans: ["a.b"], uriSans: [] };
    const csr = () => createRequest({ ...names, publicKey, privateKey });
    return { request: { ...names, publicKey, csr, notBefore: Date.now(), notAfter: Date.now() + HOUR } };
  }

  it("twenty at once", real, async () => {
    const { authority } = await openAt("mesh");
    const leaves = await Promise.all(Array.from({ length: 20 }, (_, i) => issueTo(authority, `many-${i}`)));
    assert.equal(new Set(leaves.map(({ serial }) => serial)).size, 20);
    assert.deepEqual(await requests(), []);
  });
});
