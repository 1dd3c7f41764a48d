import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { FilterChain } from "../../../gen/envoy/config/listener/v3/listener_components_pb.ts";
import { TcpProxySchema } from "../../../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts";
import { DownstreamTlsContextSchema } from "../../../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts";
import type { InboundChain, NetworkPolicy } from "../ir/listener.ts";
import { PLAIN_OBSERVATION } from "../ir/observation.ts";
import { buildInboundListener } from "./inbound-listener.ts";

const TLS = { minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites: [], ecdhCurves: [] } as const;
const A: NetworkPolicy = { name: "n/a", principals: { kind: "these", names: ["b", "a"] }, ports: [3306] };
const ELSEWHERE: NetworkPolicy = { name: "n/b", principals: { kind: "these", names: ["z"] }, ports: [1] };
const ANY_PORT: NetworkPolicy = { name: "n/c", principals: { kind: "these", names: ["c", "a"] }, ports: "any" };
const ANYONE: NetworkPolicy = { name: "n/d", principals: { kind: "anyone" }, ports: "any" };

function render(access: InboundChain["access"], target: InboundChain["target"]): FilterChain {
  const chain: InboundChain = { name: "c", port: 3306, sni: "s", access, target };
  const listener = buildInboundListener(TLS, PLAIN_OBSERVATION, { chains: [chain], ingress: [] });
  const [only] = listener?.filterChains ?? [];
  assert.ok(only !== undefined);
  return only;
}

/** The names in the handshake: undefined for any certificate of the mesh. */
function handshakeNames({ transportSocket }: FilterChain): unknown {
  assert.ok(transportSocket?.configType.case === "typedConfig");
  const context = anyUnpack(transportSocket.configType.value, DownstreamTlsContextSchema);
  assert.equal(context?.requireClientCertificate, true);
  const validation = context.commonTlsContext?.validationContextType;
  if (validation?.case === "validationContextSdsSecretConfig") return undefined;
  assert.ok(validation?.case === "combinedValidationContext");
  assert.equal(validation.value.validationContextSdsSecretConfig?.name, "root-cert-for-mtls-inbound");
  return validation.value.defaultValidationContext?.matchTypedSubjectAltNames.map(
    (one) => one.matcher?.matchPattern.value,
  );
}

function tcpCluster({ filters }: FilterChain): unknown {
  const last = filters.at(-1);
  assert.ok(last?.configType.case === "typedConfig");
  return anyUnpack(last.configType.value, TcpProxySchema)?.clusterSpecifier.value;
}

describe("buildInboundListener", () => {
  const tcp = { kind: "tcp", cluster: "local" } as const;

  it("lets into a TCP port whom the policies for that port name, and nobody else", () => {
    const chain = render({ kind: "policies", policies: [ELSEWHERE, A, ANY_PORT] }, tcp);
    assert.deepEqual(handshakeNames(chain), ["a", "b", "c"]);
    assert.equal(tcpCluster(chain), "local");
    assert.deepEqual(
      chain.filters.map(({ name }) => name),
      ["l4_rbac", "tcp_proxy"],
    );
  });

  for (const [what, policies] of [
    ["no policy at all", []],
    ["policies for other ports only", [ELSEWHERE]],
  ] as const) {
    it(`connects a TCP port to nothing with ${what}`, () => {
      const chain = render({ kind: "policies", policies }, tcp);
      assert.equal(tcpCluster(chain), "blackhole");
      assert.equal(chain.filters[0]?.name, "l4_rbac");
    });
  }

  it("asks for no name where a policy lets in anyone", () => {
    const chain = render({ kind: "policies", policies: [A, ANYONE] }, tcp);
    assert.equal(handshakeNames(chain), undefined);
    assert.equal(tcpCluster(chain), "local");
  });

  it("asks for no name in permissive mode, and needs no RBAC", () => {
    const chain = render({ kind: "open" }, tcp);
    assert.equal(handshakeNames(chain), undefined);
    assert.deepEqual(
      chain.filters.map(({ name }) => name),
      ["tcp_proxy"],
    );
  });

  it("leaves HTTP to RBAC, since a refused caller is to read 403", () => {
    const chain = render({ kind: "policies", policies: [A] }, { kind: "http", routeTable: "rds-inbound.3306" });
    assert.equal(handshakeNames(chain), undefined);
    assert.equal(chain.filters[0]?.name, "l4_rbac");
  });

  it("is no listener without a chain", () =>
    assert.equal(buildInboundListener(TLS, PLAIN_OBSERVATION, { chains: [], ingress: [] }), undefined));
});
