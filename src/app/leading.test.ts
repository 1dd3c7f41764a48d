import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FakeApiServer } from "../../test/support/fake-api-server.ts";
import { eventually } from "../../test/support/xds-client.ts";
import { openAccess } from "../sources/kubernetes/access.ts";
import { createClient, type KubernetesClient } from "../sources/kubernetes/client.ts";
import { DEFAULT_MESH } from "./control-plane.ts";
import { lead } from "./leading.ts";
import { metricsOf } from "./metrics.ts";
import { WatchedWorld } from "./testing/watched-world.ts";
import { BUILD } from "./version.ts";

const EVENTS = "/api/v1/events";

describe("the replica that leads", () => {
  let server: FakeApiServer;
  let client: KubernetesClient;
  let world: WatchedWorld;
  let stops: (() => Promise<void>)[] = [];
  before(async () => {
    server = await FakeApiServer.start();
    client = createClient(await openAccess({ kind: "file", path: server.kubeconfig() }));
  });
  beforeEach(async () => {
    server.serveKind("/apis/coordination.k8s.io/v1/leases", "Lease");
    server.serveKind(EVENTS, "Event");
    world = await WatchedWorld.open();
  });
  afterEach(async () => {
    for (const stop of stops) await stop();
    stops = [];
    await world.stop();
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  async function leader(replica: string): Promise<() => Promise<void>> {
    const { plane } = world;
    const end = new AbortController();
    let leads = false;
    const done = lead(
      {
        client,
        options: { settings: DEFAULT_MESH, replica },
        plane,
        metrics: metricsOf(BUILD, () => plane),
        log: { info() {}, error() {}, setLevel() {} },
        replicas: { list: () => [], lead() {}, follow: async () => {} },
        pause: (_time, signal) => delay(10, undefined, { signal }).catch(() => undefined),
        onLeads(now) {
          leads = now;
        },
      },
      end.signal,
    );
    const stop = (): Promise<void> => {
      end.abort();
      return done;
    };
    stops.push(stop);
    await eventually(() => leads, `${replica} leads`);
    return stop;
  }
  const told = (): readonly string[] =>
    server.all(EVENTS).map(({ reason, source }) => `${String(reason)} by ${JSON.stringify(source)}`);
  const by = (reason: string, replica: string) => `${reason} by {"component":"osm-controller","host":"${replica}"}`;

  it("tells each phase of a rotation once, whoever leads, also while another takes the lead", async () => {
    const stop = await leader("a");
    const { rotator } = world.plane.rotation;
    await rotator.start({});
    await eventually(() => told().length === 1, "the start is told");
    await stop();
    assert.deepEqual(told(), [by("RootRotationStarted", "a")]);
    await leader("b");
    await delay(100);
    assert.equal(told().length, 1, "what another has told is not told again");
    await rotator.rollBack();
    await eventually(() => told().length === 2, "the way back is told");
    assert.deepEqual(told()[1], by("RootRotationRolledBack", "b"));
  });

  it("metrics say the phase, and how many hold it back", async () => {
    const [web] = await world.connect("web", "api");
    assert.equal(await world.metric('osm_root_rotation_phase{phase="steady"}'), 1);
    web?.hang();
    await world.plane.rotation.rotator.start({});
    assert.equal(await world.metric('osm_root_rotation_phase{phase="steady"}'), 0);
    assert.equal(await world.metric('osm_root_rotation_phase{phase="trusting"}'), 1);
    await eventually(() => world.plane.rotation.progress().passed === 1, "one of two has accepted");
    assert.equal(await world.metric("osm_root_rotation_laggards"), 1);
  });
});
