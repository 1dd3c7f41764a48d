/**
 * What the API reads, and how it is read from the engine.
 *
 * @module
 */
import type { Finding } from "../../core/base/finding.ts";
import type { ServiceAccountName } from "../../core/base/identity.ts";
import type { Millis } from "../../core/base/millis.ts";
import type { Engine, ProxyState } from "../../engine/engine.ts";
import type { VersionInfo } from "../health.ts";
import type { SourceState } from "../source-state.ts";
import type { RotationLevers } from "./rotation-levers.ts";
import type { PublicJwk } from "./trust-bundle.ts";

/** `unknown` before the first compile. */
export type Mode = "permissive" | "smi" | "unknown";

export interface ReplicaState {
  /** Of its pod, or of the machine. */
  readonly name: string;
  /** It does the work that one replica does for all. */
  readonly leader: boolean;
  /** It is the one that answers. */
  readonly self: boolean;
}

/** What certificates say of themselves. `ca` has the same shape, and more. */
export interface CertificateFacts {
  readonly serial: string;
  readonly subject: string;
  readonly issuer: string;
  readonly dnsSans: readonly string[];
  readonly uriSans: readonly string[];
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  readonly keyAlgorithm: string;
  /** SHA-256 of the DER, lower-case hexadecimal. */
  readonly fingerprint: string;
}

export interface CertificateInventory {
  readonly roots: readonly {
    readonly facts: CertificateFacts;
    readonly signing: boolean;
    readonly pem: string;
    /** The public key alone. */
    readonly jwk: PublicJwk;
  }[];
  /** Between a root and the leaves that are in force, each once. */
  readonly intermediates: readonly {
    readonly facts: CertificateFacts;
    /** The fingerprint of the root that it leads to. */
    readonly root: string;
    readonly pem: string;
  }[];
  readonly leaves: readonly {
    readonly serviceAccount: ServiceAccountName;
    readonly facts: CertificateFacts;
    /** The fingerprint of the root that it leads to. */
    readonly root: string;
    /** With the authorities between it and the root. */
    readonly pem: string;
  }[];
  readonly providers: readonly ProviderInfo[];
}

/** Who signs for the mesh, as this replica reaches it. */
export interface ProviderInfo {
  /** Such as `builtin` or `vault`. */
  readonly name: string;
  /** New certificates of workloads come from it. */
  readonly signing: boolean;
  /** undefined while its last answer was a certificate. */
  readonly outage:
    | {
        readonly since: Millis;
        readonly lasted: Millis;
        /** What the matter is, without a word of the provider's own. */
        readonly kind: string;
        /** In a row. */
        readonly failures: number;
      }
    | undefined;
}

/** Everything is read anew for each answer. */
export interface MeshView {
  readonly version: VersionInfo;
  mode(): Mode;
  proxies(): readonly ProxyState[];
  findings(): readonly Finding[];
  compiles(): { readonly failures: number; readonly failing: boolean };
  replicas(): readonly ReplicaState[];
  sources(): readonly SourceState[];
  /** Never a key. */
  certificates(): Promise<CertificateInventory>;
  readonly rotation: RotationLevers;
}

type Engineless = Pick<MeshView, "version" | "replicas" | "sources" | "certificates" | "rotation">;

export function meshViewOf(engine: Pick<Engine, "loop" | "proxies" | "findings">, others: Engineless): MeshView {
  return {
    ...others,
    mode: () => modeOf(engine.loop.mesh()?.graph.config.traffic.enablePermissiveTrafficPolicyMode),
    proxies: () => engine.proxies(),
    findings: () => engine.findings(),
    compiles: () => ({ failures: engine.loop.compileFailures(), failing: engine.loop.failing() }),
  };
}

function modeOf(permissive: boolean | undefined): Mode {
  if (permissive === undefined) return "unknown";
  return permissive ? "permissive" : "smi";
}
