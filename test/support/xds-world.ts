/**
 * A real xDS server with made-up resources: the proxy's cache key is its certificate's common name.
 *
 * @module
 */
import { ResourceCache } from "../../src/xds/cache.ts";
import type { Rejected, Sent, XdsObserver } from "../../src/xds/observer.ts";
import { groupOf, type ProxyResources, type Resource, type ResourceKind, resourceOf } from "../../src/xds/resource.ts";
import { createXdsServer, type XdsServer, type XdsServerOptions } from "../../src/xds/server.ts";
import { Connection } from "./xds-client.ts";
import { type TestLeaf, type TestRoot, testRoot } from "./xds-pki.ts";

const ENCODER = new TextEncoder();

/** A resource whose body is that text. The protocol does not look inside. */
export function text(name: string, body: string): Resource {
  return resourceOf(name, ENCODER.encode(body));
}

/** Per type: name to body. */
export type Contents = { readonly [K in ResourceKind]?: Readonly<Record<string, string>> };

export function resources(contents: Contents): ProxyResources {
  const group = (kind: ResourceKind) =>
    groupOf(
      kind,
      Object.entries(contents[kind] ?? {}).map(([name, body]) => text(name, body)),
    );
  return {
    cluster: group("cluster"),
    endpoints: group("endpoints"),
    listener: group("listener"),
    route: group("route"),
    secret: group("secret"),
  };
}

/** Keeps all that the server tells. */
export class Records implements XdsObserver {
  readonly sentAll: Sent[] = [];
  readonly acknowledgedAll: string[] = [];
  readonly rejectedAll: Rejected[] = [];
  readonly ignoredAll: string[] = [];
  readonly refusedAll: string[] = [];
  readonly failures: Error[] = [];
  open = 0;
  connected(): void {
    this.open += 1;
  }
  disconnected(): void {
    this.open -= 1;
  }
  refused({ commonName, reason }: { readonly commonName: string; readonly reason: string }): void {
    this.refusedAll.push(`${commonName}: ${reason}`);
  }
  sent(sent: Sent): void {
    this.sentAll.push(sent);
  }
  acknowledged({ kind, version }: { readonly kind: ResourceKind; readonly version: string }): void {
    this.acknowledgedAll.push(`${kind} ${version}`);
  }
  rejected(rejected: Rejected): void {
    this.rejectedAll.push(rejected);
  }
  ignored({ typeUrl }: { readonly typeUrl: string }): void {
    this.ignoredAll.push(typeUrl);
  }
  failed({ error }: { readonly error: Error }): void {
    this.failures.push(error);
  }
}

export interface World {
  readonly root: TestRoot;
  readonly server: XdsServer;
  readonly cache: ResourceCache;
  readonly records: Records;
  /** Connects with a certificate of that common name, or with the given one. */
  connect(proxy: string | TestLeaf): Promise<Connection>;
  stop(): Promise<void>;
}

export async function startWorld(options: Partial<XdsServerOptions> = {}): Promise<World> {
  const root = await testRoot();
  const own = await root.issue("ads.test");
  const cache = new ResourceCache();
  const records = new Records();
  const server = await createXdsServer({
    cache,
    admit: ({ commonName }) =>
      commonName.startsWith("stranger")
        ? { kind: "refused", reason: `no pod for ${commonName}` }
        : { kind: "admitted", proxy: commonName },
    observe: records,
    tls: { ...own, trustedRoots: root.pem },
    port: 0,
    host: "127.0.0.1",
    pingInterval: 0,
    ...options,
  });
  const connections = new Set<Connection>();
  return {
    root,
    server,
    cache,
    records,
    connect: async (proxy) => {
      const leaf = typeof proxy === "string" ? await root.issue(proxy) : proxy;
      const connection = await Connection.open({ port: server.port, leaf, trustedRoot: root.pem });
      connections.add(connection);
      return connection;
    },
    stop: async () => {
      for (const connection of connections) connection.close();
      await server.close(1000);
    },
  };
}
