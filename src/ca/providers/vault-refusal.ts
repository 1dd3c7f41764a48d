/**
 * What Vault says no with, by name, and the way out of each.
 *
 * Vault answers most refusals with status 400 and a sentence, so sentences are what there is to go by. One that is not
 * known keeps its words.
 *
 * @module
 */
import * as v from "valibot";
import { IssueRefused } from "../refusal.ts";
import { ProviderUnavailable, type UnavailableKind } from "./unavailable.ts";
import type { VaultAnswer } from "./vault-http.ts";

export interface VaultPlace {
  /** `Vault at https://vault:8200`. */
  readonly what: string;
  /** Such as `pki`. */
  readonly mount: string;
  readonly role: string;
}

interface Rule {
  readonly kind: UnavailableKind | "name-refused";
  readonly status?: number;
  readonly says?: RegExp;
  wayOut(place: VaultPlace): string;
}

const ROLE = "allow_any_name=true allowed_uri_sans='spiffe://*' key_type=any require_cn=false max_ttl=87600h";

/** The first that fits counts. */
const RULES: readonly Rule[] = [
  { kind: "sealed", says: /is sealed/i, wayOut: () => "unseal it: vault operator unseal" },
  { kind: "sealed", says: /not initialized/i, wayOut: () => "initialise it: vault operator init" },
  {
    kind: "standby",
    status: 307,
    wayOut: () => "give the address of the active server, or of a load balancer that knows it",
  },
  {
    kind: "permission-denied",
    status: 403,
    wayOut: ({ mount, role }) =>
      `give a token that has not ended, with a policy of: path "${mount}/sign/${role}" { capabilities = ["update"] }`,
  },
  {
    kind: "role-missing",
    says: /unknown role/i,
    wayOut: ({ mount, role }) => `vault write ${mount}/roles/${role} ${ROLE}`,
  },
  { kind: "namespace-missing", says: /namespace/i, wayOut: () => "name one that is there: --vault-namespace" },
  {
    kind: "mount-missing",
    says: /no handler for route|unsupported path/i,
    wayOut: ({ mount }) => `vault secrets enable -path=${mount} pki, or name the engine's path (--vault-mount)`,
  },
  {
    kind: "issuer-missing",
    says: /no default issuer|unable to find (?:issuer|PKI)|could not fetch the CA certificate|issuer .*not found|no CA/i,
    wayOut: ({ mount }) =>
      `give it an authority: vault write ${mount}/root/generate/internal common_name=mesh ttl=87600h`,
  },
  {
    kind: "key-refused",
    says: /role requires (?:keys|a minimum)|key type|unsupported key/i,
    wayOut: ({ mount, role }) => `vault write ${mount}/roles/${role} ${ROLE}`,
  },
  {
    kind: "name-refused",
    says: /not allowed by this role|names? .*not allowed|not a valid|common[_ ]name/i,
    wayOut: ({ mount, role }) => `vault write ${mount}/roles/${role} ${ROLE}`,
  },
  {
    kind: "issuer-ending",
    says: /beyond the expiration of the CA/i,
    wayOut: ({ mount }) => `give ${mount} an authority that lives longer, and rotate the mesh's root to it`,
  },
  { kind: "throttled", status: 429, wayOut: () => "raise its rate limit quota for this token" },
  {
    kind: "untrusted",
    says: /HTTP request to an HTTPS server/i,
    wayOut: () => "it speaks TLS: --vault-protocol https",
  },
];

const Errors = v.looseObject({ errors: v.array(v.string()) });

/** The error for an answer other than 2xx. */
export function refusalOf(place: VaultPlace, answer: VaultAnswer): ProviderUnavailable | IssueRefused {
  const said = saidIn(answer);
  const detail = `it answered ${answer.status}: ${said}`;
  const rule = RULES.find(
    ({ status, says }) => (status === undefined || status === answer.status) && (says === undefined || says.test(said)),
  );
  const { what: provider } = place;
  if (rule === undefined) {
    const kind = answer.status >= 500 ? "failed" : "unusable";
    return new ProviderUnavailable({ provider, kind, detail, wayOut: "its log says more" });
  }
  const wayOut = rule.wayOut(place);
  if (rule.kind === "name-refused") return new IssueRefused({ kind: "provider-refused", provider, detail, wayOut });
  return new ProviderUnavailable({ provider, kind: rule.kind, detail, wayOut });
}

const MOST_SAID = 300;

function saidIn({ json, text }: VaultAnswer): string {
  const read = v.safeParse(Errors, json);
  const said = read.success ? read.output.errors.join("; ") : text.trim();
  return said === "" ? "no reason" : said.replace(/\s+/g, " ").slice(0, MOST_SAID);
}
