/**
 * Roots of the mesh that others keep: of a Vault and a cert-manager, set up for tests of a rotation and taken away again.
 *
 * @module
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { type MadeAuthority, OpensslCa } from "../../src/ca/testing/openssl-ca.ts";
import { ANY_NAME, placeOf, type VaultAdmin, vaultAdmin } from "../pki/vault-admin.ts";
import type { Manifest } from "../support/workloads.ts";
import { kubectl } from "./kubectl.ts";
import { apply, eventually, remove } from "./mesh.ts";
import { type NamedRoot, rootIn } from "./root-roles.ts";

/** A root of which the test knows the certificate too. */
export interface KnownRoot extends NamedRoot {
  /** PEM. */
  readonly pem: string;
}

/** Where pods reach the Vault that VAULT_ADDR names. */
const { VAULT_POD_ADDR } = process.env;
/** Where the controllers of cert-manager look for the Secrets of ClusterIssuers. */
const CERT_MANAGER_NAMESPACE = process.env["CERT_MANAGER_NAMESPACE"] ?? "cert-manager";
const GROUP = "cert-manager.io";
const TOKEN_SECRET = "test-vault-token";
const MOUNT = "pki";
const DOMAIN = "cluster.local";

/** Why a chain cannot lead over Vault; undefined if it can. */
export const NO_VAULT =
  VAULT_POD_ADDR === undefined || vaultAdmin() === undefined
    ? "VAULT_ADDR, VAULT_TOKEN and VAULT_POD_ADDR name no Vault that pods reach"
    : undefined;
/** The same of cert-manager. */
export const NO_CERT_MANAGER = hasCertManager() ? undefined : "the cluster has no cert-manager";

function hasCertManager(): boolean {
  const asked: SpawnSyncReturns<string> = spawnSync("kubectl", ["get", "crd", `issuers.${GROUP}`], {
    encoding: "utf8",
  });
  return asked.status === 0;
}

/** What was set up, and its undoing, the last first. */
export class Authorities {
  readonly #openssl = new OpensslCa();
  readonly #undo: (() => Promise<void> | void)[] = [];
  /** So that runs do not meet each other's names. */
  readonly #mark = crypto.randomUUID().slice(0, 8);

  /** Two roles of one engine, each of a root of its own. */
  async vaults(): Promise<readonly [KnownRoot, KnownRoot]> {
    const vault = vaultAdmin();
    if (vault === undefined || VAULT_POD_ADDR === undefined) throw new Error(NO_VAULT);
    this.#undo.push(() => vault.close());
    await this.#engine(vault);
    const [a, b] = [await this.#role(vault, "a"), await this.#role(vault, "b")];
    await this.#token(
      vault,
      [a, b].map(({ role }) => role),
    );
    return [this.#vaultRoot(a), this.#vaultRoot(b)];
  }

  /** An Issuer with a root, and a ClusterIssuer with an authority below another root. */
  async certManagers(): Promise<readonly [KnownRoot, KnownRoot]> {
    const [root, top] = [this.#openssl.root("issuer"), this.#openssl.root("top")];
    const below = this.#openssl.under(top, "cluster-issuer");
    const chain = { ...below, certificate: below.certificate + top.certificate };
    await this.#issuer("Issuer", MESH_NAMESPACE, root);
    await this.#issuer("ClusterIssuer", CERT_MANAGER_NAMESPACE, chain);
    return [this.#issuerRoot("Issuer", root.certificate), this.#issuerRoot("ClusterIssuer", top.certificate)];
  }

  /** A root with its key, in a Secret of the mesh's namespace. */
  async builtin(name: string, trustDomain: string): Promise<KnownRoot> {
    const secret = `test-${name}-${this.#mark}`;
    const { certificate, key } = this.#openssl.root(name);
    const stringData = { "ca.crt": certificate, "private.key": key };
    await this.#keep(secretOf(MESH_NAMESPACE, secret, stringData));
    return { ...rootIn(secret, secret, trustDomain), pem: certificate };
  }

  async remove(): Promise<void> {
    for (const step of this.#undo.reverse()) await step();
    this.#openssl.remove();
  }

  async #keep(manifest: Manifest): Promise<void> {
    await apply(manifest);
    this.#undo.push(() => remove(manifest));
  }

  async #engine(vault: VaultAdmin): Promise<void> {
    const mounts = await vault.call("sys/mounts");
    if (`${MOUNT}/` in mounts) return;
    await vault.call(`sys/mounts/${MOUNT}`, { type: "pki", config: { max_lease_ttl: "87600h" } });
    this.#undo.push(() => vault.remove(`sys/mounts/${MOUNT}`));
  }

  async #role(vault: VaultAdmin, which: string): Promise<{ readonly role: string; readonly pem: string }> {
    const role = `test-${which}-${this.#mark}`;
    const root = { common_name: role, issuer_name: role, ttl: "87000h", key_type: "ec" };
    const { certificate } = await vault.call(`${MOUNT}/issuers/generate/root/internal`, root);
    this.#undo.push(() => vault.remove(`${MOUNT}/issuer/${role}`));
    await vault.call(`${MOUNT}/roles/${role}`, { ...ANY_NAME, issuer_ref: role });
    this.#undo.push(() => vault.remove(`${MOUNT}/roles/${role}`));
    return { role, pem: String(certificate) };
  }

  /** One that may sign by these roles and do nothing else, as the guide makes it. */
  async #token(vault: VaultAdmin, roles: readonly string[]): Promise<void> {
    const policy = roles.map((role) => `path "${MOUNT}/sign/${role}" { capabilities = ["update"] }`).join("\n");
    const name = `osm-${this.#mark}`;
    await vault.call(`sys/policies/acl/${name}`, { policy });
    this.#undo.push(() => vault.remove(`sys/policies/acl/${name}`));
    const { auth } = await vault.call("auth/token/create", { policies: [name], period: "72h" });
    const token = (auth as { readonly client_token: string }).client_token;
    const { ca } = vault.address;
    await this.#keep(secretOf(MESH_NAMESPACE, TOKEN_SECRET, { token, ...(ca !== undefined && { "ca.crt": ca }) }));
  }

  #vaultRoot({ role, pem }: { readonly role: string; readonly pem: string }): KnownRoot {
    const secretKeyRef = { name: TOKEN_SECRET, namespace: MESH_NAMESPACE, key: "token" };
    const provider = { vault: { ...placeOf(VAULT_POD_ADDR ?? ""), role, token: { secretKeyRef } } };
    return { name: `vault-${role}`, trustDomain: DOMAIN, provider, pem };
  }

  async #issuer(kind: "Issuer" | "ClusterIssuer", ns: string, { certificate, key }: MadeAuthority): Promise<void> {
    const name = this.#issuerName(kind);
    await this.#keep({
      ...secretOf(ns, name, { "tls.crt": certificate, "tls.key": key }),
      type: "kubernetes.io/tls",
    });
    const metadata = kind === "Issuer" ? { namespace: ns, name } : { name };
    await this.#keep({ apiVersion: `${GROUP}/v1`, kind, metadata, spec: { ca: { secretName: name } } });
    await eventually(`${kind} ${name} is ready`, 60, async () => {
      const path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
      const said = await kubectl(["-n", ns, "get", `${kind.toLowerCase()}.${GROUP}`, name, "-o", path]);
      if (said !== "True") throw new Error(said);
    });
  }

  #issuerRoot(issuerKind: "Issuer" | "ClusterIssuer", pem: string): KnownRoot {
    const issuerName = this.#issuerName(issuerKind);
    const provider = { certManager: { issuerName, issuerKind, issuerGroup: GROUP } };
    return { name: `cert-manager-${issuerName}`, trustDomain: DOMAIN, provider, pem };
  }

  #issuerName(kind: string): string {
    return `test-${kind.toLowerCase()}-${this.#mark}`;
  }
}

function secretOf(ns: string, name: string, stringData: Readonly<Record<string, string>>): Manifest {
  return { apiVersion: "v1", kind: "Secret", metadata: { namespace: ns, name }, stringData };
}
