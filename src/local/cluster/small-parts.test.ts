import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EnvVar } from "../../core/model/pod-spec.ts";
import { AddressPool } from "./addresses.ts";
import { buildEnvironment, expand, type PodFacts } from "./environment.ts";
import { hostnameOf, shortHash } from "./names.ts";
import { findContainer, findPod, type NamedPod } from "./pod-target.ts";
import { toProbeAction } from "./probe-action.ts";

describe("AddressPool", () => {
  it("keeps an address for its holder and reuses a freed one last", () => {
    const pool = new AddressPool("10.0.0.0/29", 2);
    assert.deepEqual(
      ["a", "b", "a"].map((one) => pool.take(one)),
      ["10.0.0.2", "10.0.0.3", "10.0.0.2"],
    );
    pool.free("a");
    assert.deepEqual(
      ["c", "d", "e", "f"].map((one) => pool.take(one)),
      ["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.2"],
    );
    assert.throws(() => pool.take("g"), /all 5 addresses/);
    pool.free("b");
    assert.equal(pool.take("g"), "10.0.0.3");
  });

  it("gives an address that is asked for, unless it is another's or outside", () => {
    const pool = new AddressPool("10.96.0.0/16", 16);
    assert.equal(pool.takeExact("a", "10.96.0.10"), true);
    assert.equal(pool.takeExact("a", "10.96.0.10"), true);
    assert.equal(pool.takeExact("b", "10.96.0.10"), false);
    assert.equal(pool.takeExact("b", "10.97.0.1"), false);
    assert.equal(pool.takeExact("b", "10.96.0.0"), false);
    assert.equal(pool.takeExact("b", "10.96.255.255"), false);
    assert.equal(pool.takeExact("b", "no address"), false);
    assert.equal(pool.takeExact("c", "10.96.0.16"), true);
    assert.equal(pool.take("d"), "10.96.0.17", "what was asked for is not handed out again");
    assert.equal(pool.take("a"), "10.96.0.10");
  });

  it("crosses the borders of bytes", () => {
    const pool = new AddressPool("10.244.0.0/16", 255);
    assert.deepEqual([pool.take("a"), pool.take("b")], ["10.244.0.255", "10.244.1.0"]);
  });
});

describe("buildEnvironment", () => {
  const facts: PodFacts = {
    name: "web-1",
    namespace: "shop",
    uid: "u",
    labels: { app: "web" },
    annotations: { "a/b": "c" },
    serviceAccount: "sa",
    nodeName: "local",
    ip: "10.244.0.10",
    hostIp: "10.244.0.1",
  };
  const field = (name: string, fieldPath: string): EnvVar => ({ name, kind: "field", fieldPath });

  it("reads fields of the pod", () => {
    const paths = [
      "metadata.name",
      "metadata.namespace",
      "metadata.uid",
      "metadata.labels['app']",
      "metadata.annotations['a/b']",
    ];
    const more = ["spec.serviceAccountName", "spec.nodeName", "status.podIP", "metadata.labels['none']"];
    const { env, warnings } = buildEnvironment(
      [...paths, ...more].map((path, i) => field(`V${i}`, path)),
      facts,
    );
    assert.deepEqual(Object.values(env), ["web-1", "shop", "u", "web", "c", "sa", "local", "10.244.0.10", ""]);
    assert.deepEqual(warnings, []);
  });

  it("uses variables above, not below, and leaves what it does not know as it is", () => {
    const value = (name: string, text: string): EnvVar => ({ name, kind: "value", value: text });
    const { env } = buildEnvironment([value("A", "1"), value("B", "$(A)$(C)"), value("C", "$(B)")], facts);
    assert.deepEqual(env, { A: "1", B: "1$(C)", C: "1$(C)" });
    assert.equal(expand("$$(A) $(A) $(X) $A $$$(A)", env), "$(A) 1 $(X) $A $1");
    assert.equal(expand("$(toString)", env), "$(toString)");
  });

  it("says what it cannot set", () => {
    const { env, warnings } = buildEnvironment(
      [{ name: "S", kind: "unsupported", source: "secretKeyRef" }, field("F", "spec.nothing")],
      facts,
    );
    assert.deepEqual(env, {});
    assert.match(warnings.join("\n"), /^environment variable S .*secretKeyRef.*\n.*F .*spec\.nothing/);
  });
});

describe("names", () => {
  it("hashes equal values alike and others not", () => {
    assert.match(shortHash({ a: 1 }), /^[b-z2-9]{5}$/);
    assert.equal(shortHash({ a: 1 }), shortHash({ a: 1 }));
    assert.notEqual(shortHash({ a: 1 }), shortHash({ a: 2 }));
  });

  it("cuts a host name to what the kernel and DNS take", () => {
    assert.equal(hostnameOf(`${"a".repeat(62)}-b`, ""), "a".repeat(62));
    assert.equal(hostnameOf("pod-1", "asked"), "asked");
  });
});

describe("findPod", () => {
  const pod = (name: string, over: Partial<NamedPod> = {}): NamedPod => {
    return { namespace: "shop", name, workload: "web", ready: true, terminating: false, ...over };
  };
  const pods = [
    pod("web-a", { ready: false }),
    pod("web-b", { terminating: true }),
    pod("web-c"),
    pod("web", { namespace: "default", workload: "web" }),
    pod("db-0", { workload: "db", ready: false }),
  ];
  const name = (target: string): string => {
    const found = findPod(target, pods);
    return found.ok ? `${found.value.namespace}/${found.value.name}` : found.reason;
  };

  it("takes the exact name first, then the most useful pod of a workload", () => {
    assert.equal(name("shop/web-a"), "shop/web-a");
    assert.equal(name("shop/web"), "shop/web-c");
    assert.equal(name("shop/db"), "shop/db-0");
    assert.equal(name("web"), "default/web");
  });

  it("names what there is", () => {
    assert.equal(name("shop/nope"), "no pod shop/nope; there are shop/web-a, shop/web-b, shop/web-c, shop/db-0");
    assert.match(name("a/b/c"), /is not NAMESPACE\/POD/);
    assert.match(name("shop/"), /is not NAMESPACE\/POD/);
    assert.deepEqual(findPod("x/y", []), { ok: false, reason: "no pod x/y; there are none" });
  });

  it("finds containers, the sidecar only where there is one", () => {
    const own = { containers: ["app"], initContainers: ["init"], sidecar: false };
    assert.deepEqual(findContainer(undefined, own), { ok: true, value: "app" });
    assert.deepEqual(findContainer("init", own), { ok: true, value: "init" });
    assert.deepEqual(findContainer("envoy", own), { ok: false, reason: "no container envoy; there are app, init" });
    assert.deepEqual(findContainer("envoy", { ...own, sidecar: true }), { ok: true, value: "envoy" });
  });
});

describe("toProbeAction", () => {
  const ports = [{ name: "http", port: 8080, transport: "TCP" as const }];
  const http = { kind: "http" as const, path: "/", headers: [], host: "" };

  it("resolves a named port in the container, and says so if it cannot", () => {
    const read = toProbeAction({ ...http, scheme: "HTTPS", port: "http" }, ports, {});
    assert.deepEqual(read, { ok: true, value: { kind: "https", port: 8080, path: "/", headers: [] } });
    assert.deepEqual(toProbeAction({ kind: "tcp", port: "web", host: "" }, ports, {}), {
      ok: false,
      reason: "no port of the container is named web",
    });
  });

  it("runs exec probes as the container runs", () => {
    const read = toProbeAction({ kind: "exec", command: ["true"] }, [], { uid: 5, cwd: "/x" });
    assert.deepEqual(read, { ok: true, value: { kind: "exec", process: { uid: 5, cwd: "/x", argv: ["true"] } } });
  });
});
