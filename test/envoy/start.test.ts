/** An Envoy that starts while the mesh changes: it must get through, whatever becomes of the clusters it was sent first. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Cluster_DiscoveryType, ClusterSchema } from "../../gen/envoy/config/cluster/v3/cluster_pb.ts";
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  ConfigSourceSchema,
} from "../../gen/envoy/config/core/v3/config_source_pb.ts";
import { ClusterLoadAssignmentSchema } from "../../gen/envoy/config/endpoint/v3/endpoint_pb.ts";
import { UpstreamTlsContextSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import { BOOTSTRAP_FILES, buildBootstrapFiles } from "../../src/core/envoy/bootstrap.ts";
import { durationOf, fromAds, typed } from "../../src/core/envoy/typed.ts";
import { groupOf, type ProxyResources, type ResourceKind, resourceOf } from "../../src/xds/resource.ts";
import { resources, startWorld, type World } from "../support/xds-world.ts";
import { freePort } from "./lone-envoy.ts";
import { envoyFromEnvironment } from "./validate.ts";

const TLS = { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] } as const;
/** Envoy goes on without a secret after this long; so long its cluster is not ready. */
const WARMING = 1500;
/** Asked on a stream of its own, by a method that the server does not have. */
const NOBODY = create(ConfigSourceSchema, {
  configSourceSpecifier: {
    case: "apiConfigSource",
    value: {
      apiType: ApiConfigSource_ApiType.GRPC,
      transportApiVersion: ApiVersion.V3,
      grpcServices: [{ targetSpecifier: { case: "envoyGrpc", value: { clusterName: "osm-controller" } } }],
    },
  },
  initialFetchTimeout: durationOf(WARMING),
  resourceApiVersion: ApiVersion.V3,
});

let world: World;
before(async () => {
  world = await startWorld();
});
after(() => world.stop());

/** A cluster whose certificate never comes. */
const SLOW = cluster({
  clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
  edsClusterConfig: { edsConfig: fromAds() },
  transportSocket: {
    name: "tls",
    configType: {
      case: "typedConfig",
      value: typed(UpstreamTlsContextSchema, {
        commonTlsContext: {
          validationContextType: {
            case: "validationContextSdsSecretConfig",
            value: { name: "missing", sdsConfig: NOBODY },
          },
        },
      }),
    },
  },
});
/** What becomes of it once nobody is behind it. */
const BLOCKED = cluster({ clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC } });

function cluster(init: MessageInitShape<typeof ClusterSchema>): Uint8Array {
  return toBinary(ClusterSchema, create(ClusterSchema, { ...init, name: "books" }));
}

function snapshot(body: Uint8Array, contents: Parameters<typeof resources>[0] = {}): ProxyResources {
  const one = (kind: ResourceKind, bytes: Uint8Array) => groupOf(kind, [resourceOf("books", bytes)]);
  const endpoints = toBinary(
    ClusterLoadAssignmentSchema,
    create(ClusterLoadAssignmentSchema, { clusterName: "books" }),
  );
  return { ...resources(contents), cluster: one("cluster", body), endpoints: one("endpoints", endpoints) };
}

async function startEnvoy(proxy: string): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "osm-start-"));
  const leaf = await world.root.issue(proxy);
  const xds = { host: "127.0.0.1", port: world.server.port, serverName: "ads.test" };
  const files = {
    ...buildBootstrapFiles({
      nodeId: proxy,
      cluster: "account.namespace",
      xds,
      adminPort: await freePort(),
      tls: TLS,
      protocol: "delta",
      directory,
      waitForConfiguration: true,
    }),
    [BOOTSTRAP_FILES.roots]: world.root.pem,
    [BOOTSTRAP_FILES.certificate]: leaf.certificate,
    [BOOTSTRAP_FILES.key]: leaf.key,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 });
  const argv = ["-c", join(directory, BOOTSTRAP_FILES.bootstrap), "--concurrency", "1", "--disable-hot-restart"];
  const child: ChildProcess = spawn(envoyFromEnvironment(), [...argv, "--log-level", "error"], { stdio: "ignore" });
  const exited = once(child, "exit");
  return async () => {
    child.kill("SIGKILL");
    await exited;
    await rm(directory, { recursive: true });
  };
}

async function untilSent(proxy: string, kind: ResourceKind, seconds: number): Promise<void> {
  const isSent = () => world.records.sentAll.some((sent) => sent.proxy === proxy && sent.kind === kind);
  for (const end = Date.now() + seconds * 1000; !isSent() && Date.now() < end; ) await sleep(20);
  assert.ok(isSent(), `${proxy} asked for no ${kind} within ${seconds} s`);
}

describe("an Envoy that starts", () => {
  for (const [what, later] of [
    ["loses its endpoints for good", snapshot(BLOCKED)],
    ["goes", resources({})],
  ] as const) {
    it(`asks for listeners also if a cluster ${what} while it is not ready`, { timeout: 60_000 }, async () => {
      const proxy = `books-${what.replaceAll(" ", "-")}`;
      world.cache.publish(proxy, snapshot(SLOW));
      const stop = await startEnvoy(proxy);
      try {
        await untilSent(proxy, "endpoints", 20);
        await sleep(WARMING / 5);
        world.cache.publish(proxy, later);
        await untilSent(proxy, "listener", 20);
      } finally {
        await stop();
      }
    });
  }
});
