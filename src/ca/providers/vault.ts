/**
 * Vault's PKI secrets engine, or OpenBao's: signs our request (`sign/<role>`), so that the private key stays here.
 *
 * @see https://developer.hashicorp.com/vault/api-docs/secret/pki#sign-certificate
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../../core/base/millis.ts";
import type { Redacted } from "../../core/base/redacted.ts";
import type { Clock } from "../clock.ts";
import type { ChainRequest } from "../provider.ts";
import type { RemoteSigner, SignedAnswer } from "./remote.ts";
import { ProviderUnavailable } from "./unavailable.ts";
import { createVaultHttp, type VaultAddress } from "./vault-http.ts";
import { refusalOf, type VaultPlace } from "./vault-refusal.ts";
import { VaultToken } from "./vault-token.ts";

export interface VaultOptions {
  readonly address: VaultAddress;
  /** Where the engine is, such as `pki`. */
  readonly mount: string;
  readonly role: string;
  readonly readToken: () => Promise<Redacted<string>>;
  readonly clock: Clock;
  /** Must not throw. */
  readonly onWarning: (message: string) => void;
}

const Signed = v.looseObject({
  data: v.looseObject({
    certificate: v.string(),
    issuing_ca: v.optional(v.string(), ""),
    ca_chain: v.nullish(v.array(v.string()), []),
  }),
});

/** The names go in the request and beside it: a role may be told to take either. */
export function vaultSigner(options: VaultOptions): RemoteSigner {
  const { address, mount, role, clock } = options;
  const http = createVaultHttp(address);
  const token = new VaultToken({ http, read: options.readToken, clock, onWarning: options.onWarning });
  const place: VaultPlace = { what: http.what, mount, role };
  const path = mount.split("/").map(encodeURIComponent).join("/");

  return {
    name: "vault",
    what: http.what,
    chainWayOut: `give it the root too: vault write ${mount}/issuers/import/cert pem_bundle=@root.crt`,
    async sign(request: ChainRequest, life: Millis): Promise<SignedAnswer> {
      const body = {
        csr: await request.csr(),
        common_name: request.commonName,
        alt_names: request.dnsSans.join(","),
        uri_sans: request.uriSans.join(","),
        exclude_cn_from_sans: true,
        ttl: `${Math.max(1, Math.floor(life / 1000))}s`,
        format: "pem",
      };
      const call = { path: `${path}/sign/${encodeURIComponent(role)}`, body };
      const answer = await token.use((current) => http.call({ ...call, token: current }));
      if (answer.status < 200 || answer.status > 299) throw refusalOf(place, answer);
      const read = v.safeParse(Signed, answer.json);
      if (!read.success) {
        const detail = `it answered ${answer.status} without a certificate`;
        const wayOut = "check that --vault-host is a Vault server";
        throw new ProviderUnavailable({ provider: http.what, kind: "unusable", detail, wayOut });
      }
      const { certificate, issuing_ca, ca_chain } = read.output.data;
      return { certificate, issuers: [issuing_ca, ...(ca_chain ?? [])] };
    },
    // Open to everybody, as a revocation list is: no token needed.
    async moreIssuers() {
      const answers = await Promise.all(["ca_chain", "ca/pem"].map((one) => http.call({ path: `${path}/${one}` })));
      return answers.filter(({ status }) => status === 200).map(({ text }) => text);
    },
    close() {
      token.close();
      http.close();
    },
  };
}
