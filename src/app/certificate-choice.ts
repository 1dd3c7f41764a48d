/**
 * From flags to the mesh's first root, and what its provider needs beside it.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import type { ProviderSpec, VaultExtras } from "../ca/providers/choose.ts";
import type { CertificateFlags } from "../cli/certificate-flags.ts";
import { Redacted } from "../core/base/redacted.ts";

export interface CertificateChoice {
  readonly spec: ProviderSpec;
  readonly vault: VaultExtras;
  readonly vaultToken: Redacted<string> | undefined;
}

/** @throws Error, naming the flag, if two of them do not fit or a file cannot be read. */
export function choiceFrom(flags: CertificateFlags, namespace: string): CertificateChoice {
  const { vaultToken, vaultMount: mount, vaultNamespace, vaultCaFile } = flags;
  const ca = vaultCaFile === undefined ? undefined : readFileSync(vaultCaFile, "utf8");
  return {
    spec: specFrom(flags, namespace),
    vault: { mount, namespace: vaultNamespace, ca },
    vaultToken: vaultToken === undefined || vaultToken === "" ? undefined : new Redacted(vaultToken),
  };
}

function specFrom(flags: CertificateFlags, namespace: string): ProviderSpec {
  switch (flags.certificateManager) {
    case "tresor":
      return { kind: "tresor", secret: { namespace, name: flags.caBundleSecretName } };
    case "vault": {
      const { vaultProtocol: protocol, vaultHost: host, vaultPort: port, vaultRole: role } = flags;
      return { kind: "vault", protocol, host, port, role, token: tokenFrom(flags, namespace) };
    }
    case "cert-manager": {
      const { certManagerIssuerName, certManagerIssuerKind, certManagerIssuerGroup } = flags;
      return {
        kind: "certManager",
        issuerName: certManagerIssuerName,
        issuerKind: certManagerIssuerKind,
        issuerGroup: certManagerIssuerGroup,
      };
    }
  }
}

/** The Secret goes before the flag, as in OSM: it can be replaced while all runs. */
function tokenFrom(
  { vaultToken, vaultTokenSecretName: name, vaultTokenSecretKey: key }: CertificateFlags,
  namespace: string,
): Extract<ProviderSpec, { kind: "vault" }>["token"] {
  if (name !== undefined && name !== "") {
    if (key !== undefined && key !== "") return { namespace, name, key };
    throw new Error(`--vault-token-secret-name ${name} names a Secret: name its key too (--vault-token-secret-key)`);
  }
  if (vaultToken !== undefined && vaultToken !== "") return new Redacted(vaultToken);
  throw new Error("Vault needs a token: --vault-token-secret-name with --vault-token-secret-key, or --vault-token");
}
