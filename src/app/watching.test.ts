/** What is told of certificates while time passes, by a whole control plane: health, metrics and Events. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { type Leaf, leafVersion } from "../ca/leaf.ts";
import { makeRoot, openBuiltin } from "../ca/providers/builtin.ts";
import { OpensslCa } from "../ca/testing/openssl-ca.ts";
import { Redacted } from "../core/base/redacted.ts";
import type { RotationCompany } from "./rotation.ts";
import { WatchedWorld, type WorldOptions } from "./testing/watched-world.ts";

const HOUR = 3_600_000;
const SERVICE = 'osm_certificate_seconds_to_expiry{class="service"}';
const PROXY = 'osm_certificate_seconds_to_expiry{class="proxy"}';
const UP = 'osm_certificate_provider_up{provider="vault"}';
const OUTAGE = 'osm_certificate_provider_outage_seconds{provider="vault"}';

describe("a control plane that watches certificates", () => {
  let world: WatchedWorld | undefined;
  afterEach(async () => {
    await world?.stop();
    world = undefined;
  });
  const open = async (options: WorldOptions = {}): Promise<WatchedWorld> => {
    world = await WatchedWorld.open(options);
    return world;
  };

  it("tells of a provider that is away at once, and of late leaves before the first of them ends", async () => {
    const at = await open();
    await at.connect("web", "api");
    assert.deepEqual(await at.health(), { status: 200, reasons: "", warnings: "" });
    assert.deepEqual([await at.metric(UP), await at.metric(OUTAGE)], [1, 0]);
    at.signer.away = true;

    // The server's own certificate is due at half of its life, leaves when a third is left.
    await at.pass(17);
    const outage = await at.health();
    assert.equal(outage.status, 200, "what is in force stays in force");
    about(5, /certificate provider vault has issued nothing for (\d+) s/.exec(outage.warnings)?.[1]);
    assert.doesNotMatch(outage.warnings, /not renewed in time/);
    assert.equal(await at.metric(UP), 0);
    about(5, await at.metric(OUTAGE));
    assert.match(
      at.events.taken().join("\n"),
      /^Warning CertificateProviderOut: osm-controller-1 gets no .* \(sealed\)/,
    );

    await at.pass(1.5);
    const overdue = await at.health();
    assert.equal(overdue.status, 200, "there is time yet to mend it");
    assert.match(overdue.warnings, /certificates not renewed in time: 3; the first ends at/);
    assert.match(overdue.warnings, /connected proxies without a new certificate in time: 2 of 2/);
    assert.equal(await at.metric("osm_certificates_overdue"), 5);
    assert.match(at.events.taken().join("\n"), /RenewalOverdue: the certificate of shop\/web should have been renewed/);

    await at.pass(3.5);
    const critical = await at.health();
    assert.equal(critical.status, 503);
    assert.match(critical.reasons, /certificates not renewed in time: 3; the first ends at/);
    const left = (await at.metric(SERVICE)) ?? Number.NaN;
    assert.ok(left > 0 && left < 2.1 * 3600, `${left} s left while it was told`);
    assert.equal(await at.metric("osm_certificates_expired"), 0);
    assert.match(
      at.events.taken().join("\n"),
      /Warning CertificateAboutToExpire: the certificate of the proxy of shop\/api-1/,
    );

    await at.pass(2.5);
    assert.equal((await at.health()).status, 503);
    for (const sample of [SERVICE, PROXY]) assert.ok(((await at.metric(sample)) ?? 0) < 0, sample);
    assert.equal(await at.metric("osm_certificates_expired"), 5);
    assert.match(at.events.taken().join("\n"), /Warning CertificateExpired: the certificate of shop\/web ended at/);
  });

  it("tells when the provider is back, and has nothing to say once all is renewed", async () => {
    const at = await open();
    await at.connect("web");
    at.signer.away = true;
    await at.pass(19);
    assert.notEqual((await at.health()).warnings, "");
    at.events.taken();
    at.signer.away = false;
    await at.pass(0.1);
    assert.deepEqual(await at.health(), { status: 200, reasons: "", warnings: "" });
    assert.deepEqual([await at.metric(UP), await at.metric(OUTAGE)], [1, 0]);
    assert.equal(await at.metric("osm_certificates_overdue"), 0);
    assert.ok(((await at.metric(PROXY)) ?? 0) > 23 * 3600, "the proxy has the new one");
    const told = at.events.taken();
    assert.equal(told.length, 1);
    const back =
      /^Normal CertificateProviderBack: osm-controller-1 gets certificates from .* vault again, after (\d+) s/;
    about(7.1, back.exec(told[0] ?? "")?.[1]);
  });

  it("says nothing of the provider's words, which may hold a token", async () => {
    const at = await open();
    await at.connect("web");
    at.signer.away = true;
    await at.pass(23);
    const { reasons, warnings } = await at.health();
    const said = [reasons, warnings, ...at.events.taken(), JSON.stringify(at.plane.providers())].join("\n");
    assert.match(said, /sealed/);
    assert.doesNotMatch(said, /s\.secret|vault\.test/);
  });

  it("a proxy that hangs is named, and takes the control plane away from nobody", async () => {
    const at = await open();
    const [web] = await at.connect("web", "api", "db");
    web?.hang();
    await at.pass(23);
    const { status, warnings } = await at.health();
    assert.equal(status, 200);
    assert.match(warnings, /connected proxies without a new certificate in time: 1 of 3/);
    assert.ok(((await at.metric(SERVICE)) ?? 0) > 8 * 3600, "its leaf was renewed");
    assert.ok(((await at.metric(PROXY)) ?? 0) < 3600);
    const told = at.events.taken();
    assert.equal(told.length, 1);
    assert.match(told[0] ?? "", /AboutToExpire: the certificate of the proxy of shop\/web-1 should have been renewed/);
  });

  it("proxies that all hang are no accident", async () => {
    const at = await open();
    for (const proxy of await at.connect("web", "api")) proxy.hang();
    await at.pass(23);
    const { status, reasons } = await at.health();
    assert.equal(status, 503);
    assert.match(reasons, /connected proxies without a new certificate in time: 2 of 2; the first ends at/);
  });

  it("a proxy that goes on with a certificate from before is watched by what it says that it holds", async () => {
    const at = await open();
    await at.connect("web");
    at.signer.away = true;
    const nineHours = { issuerId: at.plane.authority.issuerId, notAfter: at.clock.now() + 9 * HOUR, serial: "7" };
    await at.join("api", leafVersion(nineHours));
    assert.equal((await at.health()).warnings.includes("without a new certificate"), false);
    assert.ok(((await at.metric(PROXY)) ?? 0) <= 9 * 3600);
    await at.pass(8.5);
    const { status, warnings } = await at.health();
    assert.equal(status, 200, "it is one of two");
    assert.match(warnings, /connected proxies without a new certificate in time: 1 of 2; the first ends at/);
    assert.match(
      at.events.taken().join("\n"),
      /AboutToExpire: the certificate of shop\/api \(issued before, or by another replica\) should have been renewed/,
    );
    at.signer.away = false;
    await at.pass(0.1);
    assert.equal((await at.health()).warnings, "");
    assert.ok(((await at.metric(PROXY)) ?? 0) > 15 * 3600, "it has a new one");
  });

  it("a proxy that is connected to nobody is watched by the only replica, as a warning", async () => {
    const at = await open();
    const [web] = await at.connect("web", "api");
    await web?.cut();
    await at.pass(23);
    const { status, warnings } = await at.health();
    assert.equal(status, 200);
    assert.match(warnings, /proxies not connected, with a certificate past its renewal: 1; the first ends at/);
    assert.match(
      at.events.taken().join("\n"),
      /AboutToExpire: the certificate of the proxy of shop\/web-1 \(not connected\)/,
    );
    const away = await at.metric('osm_certificate_seconds_to_expiry{class="proxy-away"}');
    assert.ok(away !== undefined && away > 0 && away <= 3600, `${away}`);
  });

  it("a proxy that may be at another replica is left to that one", async () => {
    const others = () => [{ replica: "osm-controller-2", step: -1, passed: [], pending: [] }];
    const company: RotationCompany = { others, leads: () => true };
    const at = await open({ company });
    const [web] = await at.connect("web", "api");
    await web?.cut();
    await at.pass(23);
    assert.deepEqual(await at.health(), { status: 200, reasons: "", warnings: "" });
    assert.equal(await at.metric('osm_certificate_seconds_to_expiry{class="proxy-away"}'), undefined);
  });

  it("the webhooks' certificate is watched too", async () => {
    let leaf: Leaf | undefined;
    const at = await open({ webhookLeaf: () => leaf });
    await at.connect("web");
    const sample = 'osm_certificate_seconds_to_expiry{class="webhook-server"}';
    assert.equal(await at.metric(sample), undefined, "it does not listen yet");
    const issuedAt = at.clock.now() - 22 * HOUR;
    const validity = { issuedAt, notBefore: issuedAt, notAfter: issuedAt + 24 * HOUR };
    leaf = { ...validity, chain: "", key: new Redacted(""), issuerId: "", serial: "1", version: "" };
    assert.equal(await at.metric(sample), 7200);
    const { status, reasons } = await at.health();
    assert.match(reasons, /certificates not renewed in time: 1;/);
    assert.equal(status, 503);
    await at.pass(0.01);
    assert.match(at.events.taken().join("\n"), /AboutToExpire: the certificate of the webhook server should have been/);
  });

  it("tells that an intermediate ends before its root, and that it has", async () => {
    const ca = new OpensslCa();
    try {
      const root = ca.root("root");
      const intermediate = ca.under(root, "intermediate");
      const certificate = intermediate.certificate + root.certificate;
      const privateKey = new Redacted(intermediate.key);
      const at = await open({ authority: (now) => openBuiltin({ certificate, privateKey }, now) });
      await at.connect("web");
      const sample = 'osm_certificate_seconds_to_expiry{class="intermediate"}';
      const left = (await at.metric(sample)) ?? Number.NaN;
      assert.ok(left > 19 * 86_400 && left <= 20 * 86_400, `${left}`);
      assert.doesNotMatch((await at.health()).warnings, /intermediate/);
      at.clock.wall += 7 * 24 * HOUR;
      await at.pass(0.1); // with new leaves
      const { status, warnings } = await at.health();
      assert.equal(status, 200);
      assert.match(warnings, /an intermediate certificate between the mesh's root and its leaves ends on \d{4}-/);
      at.clock.wall += 14 * 24 * HOUR;
      const ended = await at.health();
      assert.equal(ended.status, 503);
      assert.match(ended.reasons, /^an intermediate certificate between .* ended on/m);
    } finally {
      ca.remove();
    }
  });

  it("tells that the root ends, a month before, and that it has", async () => {
    const authority = async (now: () => number) =>
      openBuiltin(await makeRoot({ now: now(), life: 20 * 24 * HOUR }), now);
    const at = await open({ authority });
    await at.connect("web");
    const { status, warnings } = await at.health();
    assert.equal(status, 200);
    assert.match(warnings, /^the mesh's root certificate ends on \d{4}-/);
    at.clock.wall += 20 * 24 * HOUR;
    const ended = await at.health();
    assert.equal(ended.status, 503);
    assert.match(ended.reasons, /the mesh's root certificate ended on/);
  });
});

/** An issue that is due takes its time, while the clock that is moved by hand does not wait for it. */
function about(hours: number, seconds: string | number | undefined): void {
  const off = Number(seconds) - hours * 3600;
  assert.ok(Math.abs(off) < 900, `${seconds} s are not about ${hours} h`);
}
