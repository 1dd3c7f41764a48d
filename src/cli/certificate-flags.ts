/**
 * Who signs the mesh's certificates, as flags of `osm controller` and of a rotation: OSM's names and defaults, and what
 * it lacked.
 *
 * @module
 */
import { type Command, InvalidArgumentError, Option } from "commander";

type Manager = "tresor" | "vault" | "cert-manager";

/** Of every command that says who is to sign. */
export interface AuthorityFlags {
  readonly vaultProtocol: "http" | "https";
  readonly vaultHost: string;
  readonly vaultPort: number;
  readonly vaultRole: string;
  readonly vaultTokenSecretName?: string;
  readonly vaultTokenSecretKey?: string;
  readonly certManagerIssuerName: string;
  readonly certManagerIssuerKind: string;
  readonly certManagerIssuerGroup: string;
}

/** Of the control plane. */
export interface CertificateFlags extends AuthorityFlags {
  readonly certificateManager: Manager;
  /** Of the built-in authority. */
  readonly caBundleSecretName: string;
  readonly vaultToken?: string;
  readonly vaultMount: string;
  readonly vaultNamespace?: string;
  /** A file of PEM. */
  readonly vaultCaFile?: string;
}

/** Of a rotation, where the control plane runs already: how it reaches Vault beside that is the control plane's own. */
export interface NextRootFlags extends AuthorityFlags {
  /** Absent: a root of the mesh's own. */
  readonly certificateManager?: Manager;
  /** Absent: a new one. */
  readonly caBundleSecretName?: string;
}

const CA_SECRET = "osm-ca-bundle";

/** Adds the flags of the control plane to a command. */
export function withCertificateFlags(command: Command): Command {
  const own = [
    new Option("--vault-token <token>", "better in a Secret, or in the environment").env("VAULT_TOKEN"),
    new Option("--vault-mount <path>", "where the PKI engine is").default("pki"),
    new Option("--vault-namespace <name>", "of Vault Enterprise and OpenBao").env("VAULT_NAMESPACE"),
    new Option("--vault-ca-file <file>", "PEM of who signed Vault's own certificate").env("VAULT_CACERT"),
  ];
  const options = [manager().default("tresor"), secret().default(CA_SECRET), ...authorities(), ...own];
  return options.reduce((with_, option) => with_.addOption(option), command);
}

/** Adds the flags that say which root comes next. */
export function withNextRootFlags(command: Command): Command {
  return [manager(), secret(), ...authorities()].reduce((with_, option) => with_.addOption(option), command);
}

function manager(): Option {
  const choices: readonly Manager[] = ["tresor", "vault", "cert-manager"];
  const what = "who signs: a root of our own, Vault or cert-manager";
  return new Option("--certificate-manager <name>", what).choices([...choices]);
}

function secret(): Option {
  return new Option("--ca-bundle-secret-name <name>", "tresor: Secret with ca.crt and private.key");
}

function authorities(): readonly Option[] {
  return [
    new Option("--vault-protocol <protocol>", "of Vault's API").choices(["http", "https"]).default("http"),
    new Option("--vault-host <host>", "Vault's name or address").default("vault.default.svc.cluster.local"),
    new Option("--vault-port <port>", "Vault's port").argParser(parsePort).default(8200),
    new Option("--vault-role <name>", "role of the PKI engine").default("openservicemesh"),
    new Option("--vault-token-secret-name <name>", "Secret of the mesh's namespace that holds the token"),
    new Option("--vault-token-secret-key <key>", "its key in the Secret"),
    new Option("--cert-manager-issuer-name <name>", "who answers CertificateRequests").default("osm-ca"),
    new Option("--cert-manager-issuer-kind <kind>", "Issuer, ClusterIssuer, or another's kind").default("Issuer"),
    new Option("--cert-manager-issuer-group <group>", "API group of the issuer").default("cert-manager.io"),
  ];
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError(`"${text}" is not a port, which is 1 to 65535`);
}
