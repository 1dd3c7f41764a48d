/** Ways in for gateways outside the mesh: who they are is told by address and by certificate. The gateways are real pods. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { statePaths } from "../../src/local/cluster/state-dir.ts";
import { TestMesh } from "../support/mesh.ts";
import { type IngressSpec, ingressBackend } from "../support/outside-policies.ts";
import type { TlsAnswer, TlsCall } from "../support/tls-call.ts";
import { app, client, httpRoutes, type Manifest, meshConfig, namespace, service } from "../support/workloads.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const BUN = join(ROOT, "node_modules/.bin/bun");
const GATEWAY = "gate/gateway";
const STRANGER = "gate/stranger";
const PRINCIPAL = "gateway.gate.cluster.local";
const FULL_NAME = "httpbin.httpbin.svc.cluster.local";
/** What the pod's certificate says, and what a gateway is to check. */
const SERVER = "httpbin.httpbin.cluster.local";
const BACKEND = { name: "httpbin", port: 14001 } as const;
const FROM_GATEWAY = { kind: "Service", namespace: "gate", name: "gateway" };
const AS = (name: string) => ({ kind: "AuthenticatedPrincipal", name });

const gateway = (replicas = 1) =>
  app({ namespace: "gate", name: "gateway", run: { command: ["sleep", "infinity"] }, replicas });

function configWith(names: readonly string[], certificate: object = {}): Manifest {
  const base = meshConfig({ permissive: false });
  const spec = base["spec"] as { readonly certificate: object };
  const secret = { namespace: "gate", name: "client-cert" };
  const ingressGateway = { subjectAltNames: names, validityDuration: "1h", secret, ...certificate };
  return { ...base, spec: { ...spec, certificate: { ...spec.certificate, ingressGateway } } };
}

describe("ingress", () => {
  let mesh: TestMesh;
  let ip = "";
  before(async () => {
    mesh = await TestMesh.start([
      namespace("httpbin"),
      namespace("gate", "outside"),
      configWith([PRINCIPAL]),
      ...app({
        namespace: "httpbin",
        name: "httpbin",
        run: {
          command: [
            "sh",
            "-c",
            "IDENTITY=main osm demo app http-echo --port 14001 & IDENTITY=admin osm demo app http-echo --port 14002 & wait",
          ],
        },
        port: 14001,
      }),
      service({ namespace: "httpbin", name: "httpbin" }, [
        { name: "http", port: 80, targetPort: 14001 },
        { name: "http-admin", port: 81, targetPort: 14002 },
      ]),
      ...app({ namespace: "httpbin", name: "rpc", run: { app: ["grpc-echo", "--port", "5000"] }, port: 5000 }),
      service({ namespace: "httpbin", name: "rpc" }, [{ port: 5000, appProtocol: "grpc" }]),
      ...gateway(),
      service({ namespace: "gate", name: "gateway" }, [{ port: 80 }]),
      ...client({ namespace: "gate", name: "stranger" }),
    ]);
    ip = await addressOf("httpbin/httpbin");
  });
  after(() => mesh?.stop());

  const addressOf = async (deployment: string): Promise<string> => {
    const { pods } = await mesh.status();
    return pods.find(({ namespace: ns, name }) => `${ns}/${name}`.startsWith(`${deployment}-`))?.ip ?? "";
  };
  const folder = () => join(statePaths(mesh.name).dir, "secrets", "gate", "client-cert");
  const clear = async (pod: string, path = "/get", port = 14001) => mesh.get(pod, `http://${ip}:${port}${path}`);
  const call = async (pod: string, whole: TlsCall): Promise<TlsAnswer> => {
    const argv = [BUN, join(ROOT, "test/support/tls-call.ts"), JSON.stringify(whole)];
    const { stdout, stderr, code } = await mesh.exec(pod, ...argv);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as TlsAnswer;
  };
  const tls = (of: Partial<TlsCall> = {}, pod = GATEWAY) =>
    call(pod, { host: ip, port: 14001, sni: SERVER, path: "/get", folder: folder(), expects: SERVER, ...of });
  /** Without a certificate, and believing any. */
  const bare = (pod: string) => call(pod, { host: ip, port: 14001, sni: SERVER, path: "/get" });
  const clearBecomes = (status: number, pod: string, path?: string, port?: number) =>
    mesh.eventually(`${status} for ${pod}`, 15_000, async () => {
      const answer = await clear(pod, path, port);
      assert.equal(answer.status, status, answer.error ?? "");
    });
  const tlsBecomes = (status: number, call: Partial<TlsCall> = {}) =>
    mesh.eventually(`TLS ${status}`, 15_000, async () => {
      const answer = await tls(call);
      assert.equal(answer.status, status, `${answer.error} ${answer.text}`);
    });
  /** Closed, not refused: callers in the mesh are served on the same port. */
  const isClosed = async (pod: string, path?: string, port?: number) =>
    assert.equal((await clear(pod, path, port)).status, 0);
  const under = async (spec: IngressSpec, check: () => Promise<void>, ...more: readonly Manifest[]) => {
    const object = ingressBackend({ namespace: "httpbin", name: "in" }, spec);
    await mesh.apply(object, ...more);
    try {
      await check();
    } finally {
      await mesh.delete(object, ...more);
    }
    await mesh.eventually("it is closed again", 15_000, () => isClosed(GATEWAY));
  };
  const findings = async (): Promise<string> => (await mesh.osm("status")).stdout;

  it("I2: lets in nobody without an IngressBackend, in the clear or by TLS", async () => {
    await isClosed(GATEWAY);
    assert.equal((await tls()).status, 0);
  });

  it("I1: lets in the gateway in the clear, on its port alone, and nobody else", async () => {
    await under({ backends: [{ ...BACKEND, protocol: "http" }], sources: [FROM_GATEWAY] }, async () => {
      await clearBecomes(200, GATEWAY);
      const { headers } = await clear(GATEWAY);
      assert.match(headers["x-envoy-upstream-service-time"] ?? "", /^\d+$/);
      await isClosed(STRANGER);
      await isClosed(GATEWAY, "/get", 14002);
      assert.equal((await tls()).status, 0);
    });
  });

  it("follows the gateway's pods, in a namespace that is not of the mesh", async () => {
    const spec = { backends: [{ ...BACKEND, protocol: "http" } as const], sources: [FROM_GATEWAY] };
    await under(spec, async () => {
      await clearBecomes(200, GATEWAY);
      await mesh.apply(...gateway(0));
      await mesh.eventually("no endpoint is told of", 20_000, async () =>
        assert.match(await findings(), /ingress-source-empty IngressBackend httpbin\/in spec\.sources\[0\]/),
      );
      await isClosed(STRANGER);
      await mesh.apply(...gateway(1));
      await mesh.ready();
      await clearBecomes(200, GATEWAY);
    });
  });

  it("keeps each port of a pod to its own backend", async () => {
    const backends = [BACKEND, { ...BACKEND, port: 14002 }].map((one) => ({ ...one, protocol: "http" as const }));
    await under({ backends, sources: [FROM_GATEWAY] }, async () => {
      await clearBecomes(200, GATEWAY);
      await clearBecomes(200, GATEWAY, "/get", 14002);
      assert.equal((await clear(GATEWAY)).headers["identity"], "main");
      assert.equal((await clear(GATEWAY, "/get", 14002)).headers["identity"], "admin");
    });
  });

  it("lets in a range of addresses, and in it the requests of a route group alone", async () => {
    const stranger = await addressOf("gate/stranger");
    const group = httpRoutes({ namespace: "httpbin", name: "g" }, [{ name: "get", pathRegex: "/get" }]);
    const spec: IngressSpec = {
      backends: [{ ...BACKEND, protocol: "http" }],
      sources: [{ kind: "IPRange", name: `${stranger}/32` }],
      routes: ["g"],
    };
    await under(
      spec,
      async () => {
        await clearBecomes(200, STRANGER);
        assert.equal((await clear(STRANGER, "/status/200")).status, 404);
        await isClosed(GATEWAY);
      },
      group,
    );
  });

  it("I3: lets in the gateway by the certificate that the MeshConfig asks for, and no one without [e2e_ingressbackend]", async () => {
    const spec = { backends: [{ ...BACKEND, protocol: "https" } as const], sources: [FROM_GATEWAY, AS(PRINCIPAL)] };
    await under(spec, async () => {
      await tlsBecomes(200);
      assert.match((await tls()).text, /x-envoy-upstream-service-time/i);
      assert.equal((await bare(GATEWAY)).status, 0);
      // The right certificate from the wrong place.
      assert.equal((await tls({}, STRANGER)).status, 0);
      await isClosed(GATEWAY);
    });
  });

  it("lets in a gateway that asks for the Service's full name, as callers in the mesh do", async () => {
    const spec = { backends: [{ ...BACKEND, protocol: "https" } as const], sources: [FROM_GATEWAY, AS(PRINCIPAL)] };
    await under(spec, async () => {
      await tlsBecomes(200);
      assert.equal((await tls({ sni: FULL_NAME })).status, 200);
      assert.equal((await tls({ sni: FULL_NAME, alpn: ["h2", "http/1.1"] })).status, 200);
      // The mesh's own chain: no TrafficTarget lets the gateway in there.
      assert.equal((await tls({ sni: FULL_NAME, alpn: ["osm"] })).status, 0);
    });
  });

  it("I4: answers another principal 403", async () => {
    const sources = [FROM_GATEWAY, AS("untrusted-client.cluster.local")];
    await under({ backends: [{ ...BACKEND, protocol: "https" }], sources }, async () => {
      await tlsBecomes(403);
      const { text } = await tls();
      assert.match(text, /content-length: 19\r\n/i);
      assert.match(text, /content-type: text\/plain\r\n/i);
      assert.equal((await tls({ sni: FULL_NAME })).status, 403);
    });
  });

  it("I5: asks for no certificate where that is written, but still for the address", async () => {
    const backend = { ...BACKEND, protocol: "https", tls: { skipClientCertValidation: true } } as const;
    const sources = [FROM_GATEWAY, AS("untrusted-client.cluster.local")];
    await under({ backends: [backend], sources }, async () => {
      await tlsBecomes(200);
      assert.equal((await bare(GATEWAY)).status, 200);
      assert.equal((await bare(STRANGER)).status, 0);
    });
  });

  it("takes the server names that are listed alone", async () => {
    const backend = {
      ...BACKEND,
      protocol: "https",
      tls: { skipClientCertValidation: false, sniHosts: ["shop.example.org", "*.cluster.local"] },
    } as const;
    await under({ backends: [backend], sources: [FROM_GATEWAY] }, async () => {
      await tlsBecomes(200, { sni: "shop.example.org" });
      assert.equal((await tls({ sni: FULL_NAME })).status, 200);
      assert.equal((await tls({ sni: "other.example.org" })).status, 0);
      assert.equal((await tls({ sni: "" })).status, 0);
    });
  });

  it("agrees on HTTP/2 with gateways of gRPC", async () => {
    const backend = {
      name: "rpc",
      port: 5000,
      protocol: "https",
      tls: { skipClientCertValidation: true },
    } as const;
    const rpc = await addressOf("httpbin/rpc");
    await under({ backends: [backend], sources: [FROM_GATEWAY] }, async () => {
      await mesh.eventually("h2 is agreed on", 15_000, async () => {
        const { alpn } = await tls({
          host: rpc,
          port: 5000,
          sni: "rpc",
          alpn: ["h2"],
          expects: "rpc.httpbin.cluster.local",
        });
        assert.equal(alpn, "h2");
      });
      assert.equal((await tls({ alpn: ["h2", "http/1.1"] })).status, 0);
    });
  });

  it("renews the gateway's certificate when its names change, and takes it away when it is asked for no more", async () => {
    const sources = [FROM_GATEWAY, AS("second.gate.cluster.local")];
    await under({ backends: [{ ...BACKEND, protocol: "https" }], sources }, async () => {
      await tlsBecomes(403);
      await mesh.apply(configWith(["second.gate.cluster.local"]));
      await tlsBecomes(200);
      await mesh.apply(meshConfig({ permissive: false }));
      await mesh.eventually("the certificate is gone", 10_000, async () => {
        const { code } = await mesh.exec(GATEWAY, "ls", folder());
        assert.notEqual(code, 0);
      });
    });
    await mesh.apply(configWith([PRINCIPAL]));
  });
});
