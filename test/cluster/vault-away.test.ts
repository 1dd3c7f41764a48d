/**
 * Vault is away for minutes. While certificates last nothing fails, and the watchdog speaks long before their end. If
 * they end, connections that are open go on, and new ones between proxies fail, as they must. Then the control plane is
 * killed too, and the mesh leaves the dead Vault.
 *
 * Needs a Vault (VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT) that pods reach at VAULT_POD_ADDR, and power over it:
 * `VAULT_PAUSE` stops it, `VAULT_RESUME` starts it again. With `OSM_TEST_LONG=1` it is away for five minutes each time.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { CONTROLLER, MESH_NAMESPACE } from "../../deploy/build/names.ts";
import { upstreamSetting } from "../support/traffic-policies.ts";
import { Authorities, type KnownRoot, NO_VAULT } from "./authorities.ts";
import {
  apiReader,
  expectNoFailure,
  leader,
  metricOf,
  replicas,
  resetLoad,
  runHook,
  scaleControlPlane,
  settledReplicas,
  untilQuiet,
} from "./control-plane.ts";
import { kubectl } from "./kubectl.ts";
import { apply, deleteNamespaces, ensureMesh, eventually, get, patchMeshConfig, remove, setMode } from "./mesh.ts";
import { onlyRoot, rootOf } from "./root-in-use.ts";
import { beginByRoles, endByRoles, forgetRotations, replaceRoot, rootIn } from "./root-roles.ts";
import { accountsOf, beginCount, type Count, expectServed, expectUnharmed, startWholeLoad } from "./rotation-load.ts";
import { freshFailures } from "./tcp-load.ts";

const NS = "vault-away-test";
const PAUSE = process.env["VAULT_PAUSE"];
const RESUME = process.env["VAULT_RESUME"];
const POWERLESS =
  PAUSE === undefined || RESUME === undefined ? "VAULT_PAUSE and VAULT_RESUME name no commands" : undefined;
const MISSING = NO_VAULT ?? POWERLESS;
if (MISSING !== undefined) console.error(`\n!!! SKIPPED: an outage of Vault. ${MISSING}`);
const WAIT = { timeout: 1_200_000 };
const real = MISSING === undefined ? WAIT : { skip: MISSING };

interface Times {
  /** Seconds: of a certificate, until the outage, of the outage, after it. */
  readonly life: number;
  readonly before: number;
  readonly away: number;
  readonly after: number;
}

const LONG = process.env["OSM_TEST_LONG"] === "1";
/** Renewal is due after two thirds of the life, and overdue after three quarters: both are in the outage. */
const WITHIN: Times = LONG
  ? { life: 600, before: 220, away: 300, after: 60 }
  : { life: 400, before: 200, away: 120, after: 60 };
const BEYOND: Times = LONG
  ? { life: 120, before: 60, away: 300, after: 240 }
  : { life: 60, before: 20, away: 150, after: 60 };

const authorities = new Authorities();
let home: KnownRoot;
let vault: KnownRoot;

describe("Vault is away", () => {
  before(async () => {
    if (MISSING !== undefined) return;
    await ensureMesh();
    await setMode("permissive");
    await apply(...apiReader());
    await scaleControlPlane(2);
    await untilQuiet();
    await startWholeLoad(NS);
    home = { ...rootIn("osm-ca-bundle", "home"), pem: await rootOf("osm-ca-bundle") };
    await beginByRoles(NS, home);
    [vault] = await authorities.vaults();
    await replaceRoot(NS, home, vault);
  }, WAIT);
  after(async () => {
    if (MISSING !== undefined) return;
    await runHook(RESUME ?? "");
    await lives("24h");
    await deleteNamespaces(NS);
    await endByRoles();
    await remove(...apiReader());
    await forgetRotations();
    await authorities.remove();
  }, WAIT);

  it(
    `for ${WITHIN.away} s, with certificates of ${WITHIN.life} s: nothing fails, and it is told of`,
    real,
    async () => {
      const count = await beginShort(WITHIN.life);
      const { spokeAt, endedAt } = await outage(WITHIN);
      await expectUnharmed(count);
      assert.equal(endedAt, undefined, "a certificate ended");
      assert.ok(spokeAt !== undefined, "the watchdog said nothing");
      await expectRenewed(WITHIN.life);
    },
  );

  it(
    `for ${BEYOND.away} s, with certificates of ${BEYOND.life} s: no request is lost, and it is told of first`,
    real,
    async () => {
      const count = await beginShort(BEYOND.life);
      const { spokeAt, endedAt } = await outage(BEYOND);
      await settledReplicas(2);
      await expectServed(count);
      assert.ok(spokeAt !== undefined, "the watchdog said nothing");
      assert.ok(endedAt !== undefined, "no certificate ended: the outage was too short to show anything");
      assert.ok(spokeAt < endedAt, `it spoke ${(spokeAt - endedAt) / 1000} s after the first certificate had ended`);
      // A new connection between two proxies shows an ended certificate: it must fail, and only then.
      const early = (await freshFailures(NS, count.tcp)).filter(({ at }) => at < endedAt - CLOCK);
      assert.deepEqual(early, []);
      await expectRenewed(BEYOND.life);
      const again = await beginCount(NS);
      await delay(20_000);
      await expectUnharmed(again);
    },
  );

  it(
    "and the control plane is killed: policies still reach proxies, and the mesh can leave for another root",
    real,
    async () => {
      await lives("24h");
      await eventually("all certificates are long again", 120, async () => assert.ok((await leftOfAll()) > 3600));
      await resetLoad(NS);
      const startedAt = Date.now();
      await runHook(PAUSE ?? "");
      const old = await replicas();
      await kubectl(["-n", MESH_NAMESPACE, "delete", "pods", "-l", `app=${CONTROLLER}`, "--force", "--grace-period=0"]);
      await eventually("other replicas are ready, without Vault", 240, async () => {
        const now = await replicas();
        assert.ok(now.length === 2 && now.every((name) => !old.includes(name)), JSON.stringify(now));
      });
      await eventually("one of them leads", 120, async () => assert.ok((await replicas()).includes(await leader())));
      await eventually("it says that Vault is away", 120, async () => {
        for (const one of await replicas()) assert.equal(await metricOf(one, "osm_certificate_provider_up"), 0);
      });
      await expectNoFailure(NS, (Date.now() - startedAt) / 1000);
      // A policy that comes and goes, and a pod that goes: proxies hear of each.
      await apply(ONE_A_MINUTE);
      await eventually("requests are limited", 60, async () => assert.equal((await served()).status, 429));
      await remove(ONE_A_MINUTE);
      await eventually("and no more", 60, async () => assert.equal((await served()).status, 200));
      const count = await beginCount(NS);
      await replaceRoot(NS, vault, { ...home, name: "home-again" });
      await onlyRoot(home.pem, accountsOf(NS));
      await expectUnharmed(count);
    },
  );
});

/** Milliseconds: what two clocks and a look may differ by. */
const CLOCK = 2000;
/** Milliseconds over which certificates are replaced when a shorter life makes all of them too old. */
const SPREAD = 15_000;

/** Of the requests that `web` answers; a client with a kept connection is refused at once. */
const ONE_A_MINUTE = upstreamSetting(
  { namespace: NS, name: "one-a-minute" },
  { host: `web.${NS}.svc.cluster.local`, rateLimit: { local: { http: { requests: 1, unit: "minute" } } } },
);

const served = () => get(`${NS}/load-kept`, `http://web.${NS}:8080/`);

async function beginShort(life: number): Promise<Count> {
  await lives(`${life}s`);
  await eventually("certificates are short", 120, async () => assert.ok((await leftOfAll()) <= life));
  await delay(SPREAD);
  return await beginCount(NS);
}

/** Takes Vault away for the time, and says what the watchdog said. */
async function outage({ before, away, after }: Times): Promise<Seen> {
  const seen = watch();
  await delay(before * 1000);
  await runHook(PAUSE ?? "");
  await delay(away * 1000);
  await runHook(RESUME ?? "");
  await delay(after * 1000);
  return await seen.stop();
}

async function expectRenewed(life: number): Promise<void> {
  assert.ok((await leftOfAll()) > life / 5, "not every certificate was renewed after the outage");
  for (const one of await replicas()) assert.equal(await metricOf(one, "osm_certificates_overdue"), 0);
}

async function lives(serviceCertValidityDuration: string): Promise<void> {
  await patchMeshConfig({ certificate: { serviceCertValidityDuration } });
}

/** Seconds until the first service certificate ends that a replica has, or that one of its proxies holds. */
async function left(replica: string): Promise<number> {
  const text = await metricsText(replica);
  const found = [...text.matchAll(/^osm_certificate_seconds_to_expiry\{class="(?:service|proxy)"\} (\S+)$/gm)];
  // Infinite where no proxy is connected.
  return Math.min(...found.map(([, seconds]) => Number(seconds)));
}

/** The same over all replicas. */
async function leftOfAll(): Promise<number> {
  return Math.min(...(await Promise.all((await replicas()).map(left))));
}

function metricsText(replica: string): Promise<string> {
  return kubectl(["get", "--raw", `/api/v1/namespaces/${MESH_NAMESPACE}/pods/${replica}:9091/proxy/metrics`]);
}

interface Seen {
  /** Epoch milliseconds: when a certificate was first called overdue, as it was seen, and when the first one ended. */
  readonly spokeAt: number | undefined;
  readonly endedAt: number | undefined;
}

/** Looks at the metrics of all replicas, ready or not, every two seconds until it is stopped. */
function watch(): { stop(): Promise<Seen> } {
  let over = false;
  let seen: Seen = { spokeAt: undefined, endedAt: undefined };
  const done = (async () => {
    const selector = ["-n", MESH_NAMESPACE, "get", "pods", "-l", `app=${CONTROLLER}`, "-o", "name"];
    const names = (await kubectl(selector)).trim().split("\n");
    while (!over) {
      for (const name of names) seen = await looked(name.replace("pod/", ""), seen);
      await delay(2000);
    }
  })();
  return {
    async stop() {
      over = true;
      await done;
      return seen;
    },
  };
}

async function looked(replica: string, { spokeAt, endedAt }: Seen): Promise<Seen> {
  const at = Date.now();
  const speaks = (await metricOf(replica, "osm_certificates_overdue")) > 0;
  const seconds = await left(replica);
  return {
    spokeAt: spokeAt ?? (speaks ? at : undefined),
    endedAt: endedAt ?? (seconds <= 0 ? at + seconds * 1000 : undefined),
  };
}
