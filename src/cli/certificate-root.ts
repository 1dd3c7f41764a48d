/**
 * Which root a rotation goes to: flags or a manifest in, the body of the API's start out.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { parseAllDocuments } from "yaml";
import { isRecord } from "../core/model/fields.ts";
import { MeshRootCertificate } from "../core/model/mesh-root-certificate.ts";
import { type NextRootFlags, withNextRootFlags } from "./certificate-flags.ts";

export interface RootFlags extends NextRootFlags {
  readonly trustDomain?: string;
  readonly osmNamespace: string;
  /** A manifest. */
  readonly file?: string;
  /** The name of one that exists; spelled as OSM did. */
  readonly meshrootcertificate?: string;
}

/** What `spec.provider` of a MeshRootCertificate is too. */
type Provider = Readonly<Record<string, unknown>>;

interface StartBody {
  readonly trustDomain?: string;
  readonly provider?: Provider;
  readonly meshRootCertificate?: string;
  readonly name?: string;
}

/** Adds the flags to a command. */
export function withRootFlags(command: Command): Command {
  const chosen = ["certificateManager", "caBundleSecretName"];
  command
    .option("-t, --trust-domain <name>", "of the new root; the mesh's own by default")
    .addOption(
      new Option(
        "-f, --file <manifest>",
        "a MeshRootCertificate whose name, provider and trust domain are taken",
      ).conflicts(chosen),
    )
    .addOption(
      new Option("-c, --meshrootcertificate <name>", "one that exists, and is inactive").conflicts([
        ...chosen,
        "file",
        "trustDomain",
      ]),
    )
    .option(
      "--osm-namespace <name>",
      "the mesh's, with the Secrets that are named",
      process.env["OSM_NAMESPACE"] ?? "osm-system",
    );
  return withNextRootFlags(command);
}

/** @throws Error, naming the flag or the file, if it makes no sense. */
export function startBody(flags: RootFlags, command: Command): StartBody {
  const { file, meshrootcertificate, trustDomain } = flags;
  refuseStray(flags, command);
  if (meshrootcertificate !== undefined) return { meshRootCertificate: meshrootcertificate };
  const provider = providerOf(flags);
  return {
    ...(file === undefined ? {} : readManifest(file)),
    ...(provider && { provider }),
    ...(trustDomain === undefined ? {} : { trustDomain }),
  };
}

/** A flag of an authority that was not chosen would be without effect, and another root the result. */
function refuseStray({ certificateManager }: RootFlags, command: Command): void {
  for (const option of command.options) {
    if (command.getOptionValueSource(option.attributeName()) !== "cli") continue;
    const { long = "" } = option;
    const needed = (["vault", "cert-manager"] as const).find((manager) => long?.startsWith(`--${manager}-`));
    const wanted = long === "--ca-bundle-secret-name" ? "tresor" : needed;
    const chosen = certificateManager ?? "tresor";
    if (wanted !== undefined && wanted !== chosen)
      throw new Error(`${long} goes with --certificate-manager ${wanted}, and it is ${chosen}`);
  }
}

function providerOf(flags: RootFlags): Provider | undefined {
  const { certificateManager = "tresor", caBundleSecretName: name, osmNamespace: namespace } = flags;
  switch (certificateManager) {
    case "tresor":
      return name === undefined ? undefined : { tresor: { ca: { secretRef: { name, namespace } } } };
    case "vault": {
      const { vaultProtocol: protocol, vaultHost: host, vaultPort: port, vaultRole: role } = flags;
      return { vault: { protocol, host, port, role, token: { secretKeyRef: tokenOf(flags) } } };
    }
    case "cert-manager": {
      const { certManagerIssuerName, certManagerIssuerKind, certManagerIssuerGroup } = flags;
      return {
        certManager: {
          issuerName: certManagerIssuerName,
          issuerKind: certManagerIssuerKind,
          issuerGroup: certManagerIssuerGroup,
        },
      };
    }
  }
}

function tokenOf({ vaultTokenSecretName: name, vaultTokenSecretKey: key, osmNamespace: namespace }: RootFlags) {
  if (name !== undefined && key !== undefined) return { name, key, namespace };
  throw new Error(
    "Vault needs a token in a Secret: name it with --vault-token-secret-name and --vault-token-secret-key",
  );
}

/** Its role is left out: the rotation gives it one. */
function readManifest(file: string): StartBody {
  const raw = oneDocument(file);
  const parsed = MeshRootCertificate.parse(raw);
  for (const { path, message } of parsed.ok ? parsed.findings : []) console.error(`${file}: ${path}: ${message}`);
  if (!parsed.ok) {
    const [found] = parsed.findings;
    throw new Error(`${file}: ${found?.path ?? ""} ${found?.message ?? "is no MeshRootCertificate"}`);
  }
  const spec = isRecord(raw["spec"]) ? raw["spec"] : {};
  const { name } = parsed.value.meta;
  const provider = isRecord(spec["provider"]) ? spec["provider"] : {};
  // Where it names none, the mesh's own is meant, and not the kind's default.
  return spec["trustDomain"] == null ? { name, provider } : { name, provider, trustDomain: parsed.value.trustDomain };
}

function oneDocument(file: string): Readonly<Record<string, unknown>> {
  const documents = parseAllDocuments(readText(file));
  const broken = documents.flatMap(({ errors }) => errors)[0];
  if (broken !== undefined) throw new Error(`${file}: ${broken.message}`);
  const [only, another] = documents.map((one): unknown => one.toJS()).filter((one) => one !== null);
  if (another === undefined && isRecord(only) && only["kind"] === "MeshRootCertificate") return only;
  throw new Error(`${file} must hold one MeshRootCertificate, and nothing else`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new Error(`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
