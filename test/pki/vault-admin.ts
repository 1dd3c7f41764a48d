/**
 * The Vault, or OpenBao, that VAULT_ADDR, VAULT_TOKEN and VAULT_CACERT name, as its administrator sees it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createVaultHttp, type VaultAddress } from "../../src/ca/providers/vault-http.ts";
import { Redacted } from "../../src/core/base/redacted.ts";

/** A role that allows what the provider tells operators to allow. */
export const ANY_NAME = {
  allow_any_name: true,
  allowed_uri_sans: "spiffe://*",
  key_type: "any",
  require_cn: false,
  max_ttl: "87600h",
} as const;

export interface VaultAdmin {
  readonly address: VaultAddress & { readonly ca: string | undefined };
  readonly token: Redacted<string>;
  /** Reads if there is no body. @returns the answer's `data`, or all of it if there is none. Rejects if it is refused. */
  call(path: string, body?: unknown): Promise<Record<string, unknown>>;
  remove(path: string): void;
  close(): void;
}

export function vaultAdmin(): VaultAdmin | undefined {
  const { VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT } = process.env;
  if (VAULT_ADDR === undefined || VAULT_TOKEN === undefined) return undefined;
  const token = new Redacted(VAULT_TOKEN);
  const ca = VAULT_CACERT === undefined ? undefined : readFileSync(VAULT_CACERT, "utf8");
  const address = { ...placeOf(VAULT_ADDR), ca };
  const http = createVaultHttp(address);
  return {
    address,
    token,
    async call(path, body) {
      const { status, text, json } = await http.call({ path, body, token });
      assert.ok(status < 300, `${path}: ${status} ${text}`);
      const answer = (json ?? {}) as Record<string, unknown>;
      return (answer["data"] as Record<string, unknown> | null | undefined) ?? answer;
    },
    remove(path) {
      // The provider deletes nothing, so its client cannot either.
      const trust = VAULT_CACERT === undefined ? [] : ["--cacert", VAULT_CACERT];
      const how = ["-sS", ...trust, "-H", `X-Vault-Token: ${VAULT_TOKEN}`, "-X", "DELETE"];
      execFileSync("curl", [...how, `${VAULT_ADDR}/v1/${path}`]);
    },
    close: () => http.close(),
  };
}

/** Of a URL such as `https://vault.example:8200`. */
export function placeOf(address: string): Pick<VaultAddress, "protocol" | "host" | "port"> {
  const { protocol, hostname, port } = new URL(address);
  const secure = protocol === "https:";
  return { protocol: secure ? "https" : "http", host: hostname, port: Number(port || (secure ? 443 : 80)) };
}
