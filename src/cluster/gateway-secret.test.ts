import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { Authority } from "../ca/authority.ts";
import { parseCertificate } from "../ca/pki-read.ts";
import { makeRoot, openBuiltin } from "../ca/providers/builtin.ts";
import type { CertificateSettings } from "../core/model/mesh-config.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { GATEWAY_LABEL, keepGatewaySecret } from "./gateway-secret.ts";

const SECRETS = "/api/v1/secrets";
const NAME = "nginx.gate.cluster.local";
const HOUR = 3_600_000;

describe("gateway secret", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  let authority: Authority;
  let now = Date.now();
  let wanted: CertificateSettings["ingressGateway"];

  before(async () => {
    server = await FakeApiServer.start();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
    authority = await newAuthority();
  });
  beforeEach(() => {
    server.serveKind(SECRETS, "Secret");
    now = Date.now();
    wanted = asked("gate/cert");
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  const newAuthority = async () => {
    const provider = await openBuiltin(await makeRoot({ now }), () => now);
    return new Authority({ provider, trustDomain: "cluster.local", now: () => now });
  };
  const asked = (place: string, names: readonly string[] = [NAME], validityMs = 24 * HOUR) => {
    const [namespace = "", name = ""] = place.split("/");
    return { subjectAltNames: names, validityMs, secret: { namespace, name } };
  };
  const keep = (by = authority) =>
    keepGatewaySecret({ client, authority: by, meshName: "osm", wanted: () => wanted, now: () => now });
  const stored = (place = "gate/cert") => server.get(SECRETS, place);
  const text = (key: string, place?: string) =>
    atob((stored(place)?.["data"] as Record<string, string> | undefined)?.[key] ?? "");
  const leaf = (place?: string) => parseCertificate(text("tls.crt", place), "the leaf");

  it("is made with OSM's three files and type, for the name that is asked for", async () => {
    assert.equal(await keep(), true);
    assert.deepEqual(Object.keys(stored()?.["data"] as object).sort(), ["ca.crt", "tls.crt", "tls.key"]);
    assert.equal(stored()?.["type"], "kubernetes.io/tls");
    assert.equal(text("ca.crt"), authority.trustBundle().join(""));
    assert.match(text("tls.key"), /BEGIN PRIVATE KEY/);
    const { commonName, dnsSans, notAfter } = await leaf();
    assert.deepEqual([commonName, dnsSans], [NAME, [NAME]]);
    assert.ok(Math.abs(notAfter - now - 24 * HOUR) < 2000);
  });

  it("is left alone while it is right", async () => {
    await keep();
    const before = stored();
    now += 15 * HOUR;
    assert.equal(await keep(), false);
    assert.equal(stored(), before);
  });

  it("is renewed before it ends", async () => {
    await keep();
    const before = await leaf();
    now += 17 * HOUR;
    assert.equal(await keep(), true);
    assert.ok((await leaf()).notAfter > before.notAfter);
    assert.equal(await keep(), false);
  });

  it("follows names, life and root", async () => {
    await keep();
    wanted = asked("gate/cert", ["other.gate.cluster.local", "second.cluster.local"]);
    assert.equal(await keep(), true);
    assert.deepEqual((await leaf()).dnsSans, ["other.gate.cluster.local", "second.cluster.local"]);
    wanted = asked("gate/cert", ["other.gate.cluster.local", "second.cluster.local"], HOUR);
    assert.equal(await keep(), true);
    const next = await newAuthority();
    assert.equal(await keep(next), true);
    assert.equal(text("ca.crt"), next.trustBundle().join(""));
    assert.equal(await keep(next), false);
  });

  it("is written anew where somebody spoilt it, and keeps its type", async () => {
    const metadata = { namespace: "gate", name: "cert", labels: { mine: "yes" } };
    server.put(SECRETS, { metadata, type: "Opaque", data: { "tls.crt": btoa("nothing") } });
    assert.equal(await keep(), true);
    assert.equal(stored()?.["type"], "Opaque");
    assert.equal(stored()?.metadata.labels?.["mine"], "yes");
    assert.deepEqual((await leaf()).dnsSans, [NAME]);
    assert.equal(await keep(), false);
  });

  it("is deleted where it is no longer asked for, and no other Secret is", async () => {
    server.put(SECRETS, { metadata: { namespace: "gate", name: "theirs" }, data: {} });
    server.put(SECRETS, { metadata: { namespace: "gate", name: "b", labels: { [GATEWAY_LABEL]: "another-mesh" } } });
    await keep();
    wanted = asked("edge/cert");
    await keep();
    assert.equal(stored("gate/cert"), undefined);
    assert.deepEqual((await leaf("edge/cert")).dnsSans, [NAME]);
    wanted = undefined;
    assert.equal(await keep(), false);
    assert.equal(stored("edge/cert"), undefined);
    assert.ok(stored("gate/theirs") && stored("gate/b"));
  });

  it("is no proxy's and not the control plane's", async () => {
    for (const name of ["ads.cluster.local", `${crypto.randomUUID()}.sidecar.a.b.cluster.local`]) {
      wanted = asked("gate/cert", [name]);
      await assert.rejects(keep(), { name: "IssueRefused" });
      assert.equal(stored(), undefined);
    }
  });
});
