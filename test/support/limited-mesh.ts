/**
 * A server of HTTP and of bytes, and two who call it: the mesh of the tests of limits.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TestMesh } from "./mesh.ts";
import { statistic, whenTaken } from "./statistics.ts";
import { upstreamSetting } from "./traffic-policies.ts";
import { app, client, type Manifest, meshConfig, namespace, service } from "./workloads.ts";

export const CLIENT = "demo/client";
export const OTHER = "demo/other";
export const SERVER = "demo/fortio";
export const HTTP = "http://fortio.demo.svc.cluster.local:8080";
export const TCP = { host: "fortio.demo.svc.cluster.local", port: 8078 };

/** Named as in OSM's guides. */
const MANIFESTS: readonly Manifest[] = [
  namespace("demo"),
  meshConfig({ permissive: true }),
  ...app({
    namespace: "demo",
    name: "fortio",
    run: { app: ["http-echo", "--port", "8080"] },
    beside: { tcp: ["osm", "demo", "app", "tcp-echo", "--port", "8078"] },
    port: 8080,
  }),
  service({ namespace: "demo", name: "fortio" }, [
    { name: "http", port: 8080, appProtocol: "http" },
    { name: "tcp", port: 8078, appProtocol: "tcp" },
  ]),
  ...client({ namespace: "demo", name: "client" }),
  ...client({ namespace: "demo", name: "other" }),
];

type Parts = Parameters<typeof whenTaken>[2];

/** The UpstreamTrafficSetting of the server. */
export function setting(spec: Readonly<Record<string, unknown>>, name = "fortio"): Manifest {
  return upstreamSetting({ namespace: "demo", name }, { host: TCP.host, ...spec });
}

export class LimitedMesh {
  readonly mesh: TestMesh;

  private constructor(mesh: TestMesh) {
    this.mesh = mesh;
  }

  /** Resolves once the server answers on both ports. */
  static async start(more: readonly Manifest[] = []): Promise<LimitedMesh> {
    const mesh = await TestMesh.start([...MANIFESTS, ...more]);
    const limited = new LimitedMesh(mesh);
    try {
      await mesh.eventually("everything answers", 10_000, async () => {
        assert.equal((await mesh.get(CLIENT, HTTP)).status, 200);
        assert.equal(await limited.echoes(1), 1);
      });
      return limited;
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    return this.mesh.stop();
  }

  /** How many of so many connections, one after the other, were answered. */
  async echoes(count: number): Promise<number> {
    const { data } = await this.mesh.tcp(CLIENT, { ...TCP, send: "hello\n", waitMs: 250, count });
    return data.split("echo response: hello\n").length - 1;
  }

  /** How many of so many requests, one after the other, got which status. */
  async statuses(count: number, options: Parameters<TestMesh["http"]>[2] = {}): Promise<Record<string, number>> {
    const found: Record<string, number> = {};
    for (const { status } of await this.mesh.http(CLIENT, HTTP, { count, ...options })) {
      found[status] = (found[status] ?? 0) + 1;
    }
    return found;
  }

  counted(pod: string, name: string): Promise<number> {
    return statistic(this.mesh, pod, name);
  }

  /** Puts the server's setting into force, at the client's or the server's proxy. */
  force(pod: string, parts: Parts, spec: Readonly<Record<string, unknown>>): Promise<void> {
    return whenTaken(this.mesh, pod, parts, () => this.mesh.apply(setting(spec)));
  }

  lift(pod: string, parts: Parts): Promise<void> {
    return whenTaken(this.mesh, pod, parts, () => this.mesh.delete(setting({})));
  }
}
