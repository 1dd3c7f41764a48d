/**
 * Where the API server is, and who we are to it: a kubeconfig file, the usual places, or the pod's service account.
 *
 * `@kubernetes/client-node` reads files, runs credential plugins and re-reads projected tokens. Its own requests go
 * through undici, which Bun replaces by one that ignores a private CA: hence a transport of our own.
 *
 * @module
 */
import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";

/** `default`: `$KUBECONFIG`, then `~/.kube/config`, then the pod's service account. */
export type AccessFrom =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "in-cluster" }
  | { readonly kind: "default" };

type TlsOptions = Pick<RequestOptions, "ca" | "cert" | "key" | "servername" | "rejectUnauthorized" | "auth">;

/** What one request needs. Never logged: it holds keys and tokens. */
export interface Credentials {
  /** With a path where the API server is behind a proxy such as Rancher's. */
  readonly server: URL;
  readonly tls: TlsOptions;
  readonly headers: Readonly<Record<string, string>>;
  /** Only where the kubeconfig names a proxy. */
  readonly proxy?: Agent;
}

export interface ApiAccess {
  /** Read anew for each request: certificates and projected tokens rotate in place. */
  credentials(): Promise<Credentials>;
  /** After a 401: forgets cached tokens, reads file and plugins again. */
  renew(): Promise<void>;
}

/** @throws Error if there is no such file, or it names no server. */
export async function openAccess(from: AccessFrom): Promise<ApiAccess> {
  let config = await load(from);
  return {
    credentials: () => credentialsOf(config),
    async renew() {
      config = await load(from);
    },
  };
}

async function load(from: AccessFrom): Promise<KubeConfig> {
  // Loaded here, not above: it costs 30 MB that commands without a cluster need not pay.
  const { KubeConfig } = await import("@kubernetes/client-node/dist/config.js");
  const config = new KubeConfig();
  try {
    loadInto(config, from);
  } catch (cause) {
    throw new Error(`${describe(from)} cannot be read: ${messageOf(cause)}`, { cause });
  }
  requireServer(config, from);
  return config;
}

function requireServer(config: KubeConfig, from: AccessFrom): void {
  const server = config.getCurrentCluster()?.server;
  // What the package makes up where it finds nothing.
  if (from.kind === "default" && server === "http://localhost:8080") {
    throw new Error("there is no kubeconfig: set KUBECONFIG or name a file with --kubeconfig");
  }
  if (server !== undefined) return;
  const context = config.getCurrentContext() ?? "";
  const known = config.getContexts().map(({ name }) => `"${name}"`);
  throw new Error(
    `${describe(from)} names no API server in its current context "${context}": ` +
      `set current-context to one of ${known.join(", ") || "none (there are no contexts)"}`,
  );
}

function loadInto(config: KubeConfig, from: AccessFrom): void {
  if (from.kind === "file") config.loadFromFile(from.path);
  else if (from.kind === "default") config.loadFromDefault();
  else if ((process.env["KUBERNETES_SERVICE_HOST"] ?? "") !== "") config.loadFromCluster();
  else throw new Error("KUBERNETES_SERVICE_HOST is not set, so this is no pod: name a file with --kubeconfig");
}

function describe(from: AccessFrom): string {
  switch (from.kind) {
    case "file":
      return `the kubeconfig ${from.path}`;
    case "default":
      return "the default kubeconfig";
    case "in-cluster":
      return "the pod's service account";
  }
}

async function credentialsOf(config: KubeConfig): Promise<Credentials> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error("the kubeconfig names no API server");
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { headers, agent } = options;
  const proxied = (cluster.proxyUrl ?? "") !== "" && typeof agent === "object";
  return {
    server: new URL(cluster.server),
    tls: tlsOf(options),
    headers: textHeaders(headers),
    ...(proxied ? { proxy: agent } : {}),
  };
}

// Runtimes differ in how they take an option that is there and undefined.
function tlsOf({ ca, cert, key, servername, rejectUnauthorized, auth }: RequestOptions): TlsOptions {
  return {
    ...(ca == null ? {} : { ca }),
    ...(cert == null ? {} : { cert }),
    ...(key == null ? {} : { key }),
    ...(servername == null ? {} : { servername }),
    ...(rejectUnauthorized == null ? {} : { rejectUnauthorized }),
    ...(auth == null ? {} : { auth }),
  };
}

/** A token file often ends with a line break, which no header may hold. */
function textHeaders(headers: RequestOptions["headers"]): Record<string, string> {
  if (headers === undefined || Array.isArray(headers)) return {};
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value).trim()]])),
  );
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
