/**
 * Under which root the mesh's parts are: certificates, webhooks' bundles, pods' files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { MESH_NAMESPACE, MUTATING_CONFIGURATION, VALIDATING_CONFIGURATION } from "../../deploy/build/names.ts";
import { askApi, settledReplicas } from "./control-plane.ts";
import { kubectl } from "./kubectl.ts";
import { eventually } from "./mesh.ts";
import { credentialsOf } from "./served.ts";

/** As much of `/api/v1/certificates` as tests look at. */
export interface Certificates {
  readonly roots: readonly { readonly fingerprint: string; readonly signing: boolean }[];
  readonly identities: readonly {
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly root: string;
    readonly notBefore: string;
    readonly notAfter: string;
  }[];
}

/** PEM of the root in a Secret of the mesh's namespace. */
export async function rootOf(secret: string): Promise<string> {
  const path = "jsonpath={.data.ca\\.crt}";
  const encoded = await kubectl(["-n", MESH_NAMESPACE, "get", "secret", secret, "-o", path]);
  return Buffer.from(encoded, "base64").toString("utf8");
}

/**
 * Resolves once everything but pods' files leads to this root alone: what replicas vouch for, among it `accounts`
 * (`namespace/name`), and the webhooks' bundles.
 *
 * @param root - PEM.
 */
export async function onlyRoot(root: string, accounts: readonly string[]): Promise<void> {
  const [fingerprint = ""] = fingerprintsIn(root);
  const all = await settledReplicas(2);
  await eventually("the new root alone is vouched by", 60, async () => {
    const answers = await Promise.all(all.map((one) => askApi<Certificates>(one, "/api/v1/certificates")));
    for (const { roots } of answers) {
      assert.deepEqual(
        roots.map((one) => [one.fingerprint, one.signing]),
        [[fingerprint, true]],
      );
    }
    // Each replica names the identities of those that are connected to it.
    const found = answers.flatMap(({ identities }) => identities);
    const names = new Set(found.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`));
    for (const account of accounts) assert.ok(names.has(account), `nobody vouches for ${account}`);
    assert.deepEqual(new Set(found.map((one) => one.root)), new Set([fingerprint]));
  });
  for (const [kind, configuration] of [
    ["mutatingwebhookconfiguration", MUTATING_CONFIGURATION],
    ["validatingwebhookconfiguration", VALIDATING_CONFIGURATION],
  ] as const) {
    await eventually(`${configuration} trusts the new root alone`, 60, async () => {
      const bundles = "jsonpath={range .webhooks[*]}{.clientConfig.caBundle}{'\\n'}{end}";
      const found = (await kubectl(["get", kind, configuration, "-o", bundles])).trim().split("\n");
      for (const one of found)
        assert.deepEqual(fingerprintsIn(Buffer.from(one, "base64").toString("utf8")), [fingerprint]);
    });
  }
}

/** Bootstrap Secrets lead to the root, and pods trust it; others may be trusted yet. */
export async function filesLeadTo(root: string, ns: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await eventually(`the files of ${name} lead to the new root`, 60, async () => {
      const files = await credentialsOf({ namespace: ns, name });
      expectChain(files.get("sds_cert.pem") ?? "", root);
      assert.ok(fingerprintsIn(files.get("cacert.pem") ?? "").includes(fingerprintsIn(root)[0] ?? ""), name);
    });
  }
}

/** Bootstrap Secrets hold the root alone. Dropped roots linger for a minute. */
export async function filesAreOf(root: string, ns: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await eventually(`the files of ${name} are of the new root`, 150, async () => {
      const files = await credentialsOf({ namespace: ns, name });
      expectChain(files.get("sds_cert.pem") ?? "", root);
      assert.deepEqual(fingerprintsIn(files.get("cacert.pem") ?? ""), fingerprintsIn(root), name);
    });
  }
}

/** Each certificate was signed by the next one, and the last by the root. */
function expectChain(chain: string, root: string): void {
  const links = [...certificatesIn(chain), ...certificatesIn(root)];
  assert.ok(links.length > 1, "there is no certificate");
  for (const [i, link] of links.slice(0, -1).entries()) {
    const issuer = links[i + 1];
    assert.ok(issuer !== undefined && link.verify(issuer.publicKey), `${link.subject} is by ${link.issuer}`);
  }
}

function fingerprintsIn(pem: string): readonly string[] {
  return certificatesIn(pem).map(({ fingerprint256 }) => fingerprint256.replaceAll(":", "").toLowerCase());
}

function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
