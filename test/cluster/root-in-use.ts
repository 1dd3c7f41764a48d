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

interface Certificates {
  readonly roots: readonly { readonly fingerprint: string; readonly signing: boolean }[];
  readonly identities: readonly {
    readonly namespace: string;
    readonly serviceAccount: string;
    readonly root: string;
  }[];
}

/**
 * The certificate of the root in the Secret `name`, once everything but pods' files leads to it alone: what replicas
 * vouch for, among it `accounts` (`namespace/name`), and the webhooks' bundles.
 */
export async function onlyRoot(name: string, accounts: readonly string[]): Promise<string> {
  const path = "jsonpath={.data.ca\\.crt}";
  const encoded = await kubectl(["-n", MESH_NAMESPACE, "get", "secret", name, "-o", path]);
  const pem = Buffer.from(encoded, "base64").toString("utf8");
  const fingerprint = new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();
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
    assert.deepEqual(new Set(found.map(({ root }) => root)), new Set([fingerprint]));
  });
  for (const [kind, configuration] of [
    ["mutatingwebhookconfiguration", MUTATING_CONFIGURATION],
    ["validatingwebhookconfiguration", VALIDATING_CONFIGURATION],
  ] as const) {
    await eventually(`${configuration} trusts the new root alone`, 60, async () => {
      const bundles = "jsonpath={range .webhooks[*]}{.clientConfig.caBundle}{'\\n'}{end}";
      const found = (await kubectl(["get", kind, configuration, "-o", bundles])).trim().split("\n");
      assert.deepEqual(new Set(found), new Set([encoded]));
    });
  }
  return pem;
}

/** Bootstrap Secrets, by what they hold. Dropped roots linger for a minute. */
export async function filesAreOf(root: string, namespace: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await eventually(`the files of ${name} are of the new root`, 150, async () => {
      const files = await credentialsOf({ namespace, name });
      const certificate = new X509Certificate(files.get("sds_cert.pem") ?? "");
      assert.ok(certificate.verify(new X509Certificate(root).publicKey), `${name}: ${certificate.issuer}`);
      assert.equal(files.get("cacert.pem")?.trim(), root.trim());
    });
  }
}
