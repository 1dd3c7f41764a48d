/**
 * HTTP between pods: clients with and without a Service, ClusterIP and headless servers, a server of one address, and
 * the mesh's two modes with the switch between them.
 *
 * As in OSM's suite there are 5 client Deployments of 5 pods, and 5 server pods.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { app, namespace, service } from "../support/workloads.ts";
import {
  apply,
  client,
  deleteNamespaces,
  ensureMesh,
  eventually,
  patchMeshConfig,
  perform,
  podsOf,
  remove,
  setMode,
  untilReady,
  WAIT,
} from "./mesh.ts";
import { setLocalProxyMode } from "./pods.ts";
import { allowHttp, expectAnswers, identitiesOf, REFUSED, RESET, SOON, settlesAt } from "./traffic.ts";

const SERVERS = "http-server";
const CLIENTS = "http-client";
const OUTSIDE = "http-outside";
const LONE = { namespace: CLIENTS, name: "lone" };
const SERVED = { namespace: CLIENTS, name: "served" };
const STRANGER = `${OUTSIDE}/stranger`;
const OTHERS = ["third", "fourth", "fifth"].map((name) => ({ namespace: CLIENTS, name }));
const CALLERS = [LONE, SERVED, ...OTHERS];
const SERVER_PODS = 5;
const CLIENT_PODS = 5;
/** Pods that call at a time: a machine of two cores has more to do than the tests. */
const AT_ONCE = 5;
/** Of one caller under load. */
const PER_SECOND = 20;
/** Chance that one of 5 round-robin pods is missed is nil; Envoy's workers each have their own turn. */
const MANY = 40;

const ECHO = ["http-echo", "--port", "14001"];
const PORT = [{ port: 14001, appProtocol: "http" }];
const URLS = {
  "a Service with an address": `http://server.${SERVERS}:14001/x`,
  "a headless Service": `http://headless.${SERVERS}:14001/x`,
  "a server that listens on its pod's address alone": `http://one-address.${SERVERS}:14001/x`,
};
const SERVER_URL = URLS["a Service with an address"];
const POLICIES = [...allowHttp(SERVERS, "server", CALLERS), ...allowHttp(SERVERS, "one-address", CALLERS)];

before(async () => {
  await ensureMesh();
  await setMode("smi");
  await apply(namespace(SERVERS), namespace(CLIENTS), namespace(OUTSIDE, "outside"));
  await setLocalProxyMode(SERVERS, "PodIP");
  await apply(
    ...app({
      namespace: SERVERS,
      name: "one-address",
      run: { app: ECHO },
      port: 14001,
      env: { LISTEN_ADDRESS: { fieldPath: "status.podIP" } },
    }),
    service({ namespace: SERVERS, name: "one-address" }, PORT),
  );
  await untilReady(SERVERS);
  await setLocalProxyMode(SERVERS, "Localhost");
  await apply(
    ...app({ namespace: SERVERS, name: "server", run: { app: ECHO }, port: 14001, replicas: SERVER_PODS }),
    service({ namespace: SERVERS, name: "server" }, PORT),
    service({ namespace: SERVERS, name: "headless" }, PORT, { selector: { app: "server" }, headless: true }),
    ...CALLERS.flatMap((of) => client({ ...of, replicas: CLIENT_PODS })),
    service(SERVED, [{ port: 8080 }]),
    ...client({ namespace: OUTSIDE, name: "stranger" }),
  );
  await untilReady(SERVERS, CLIENTS, OUTSIDE);
}, WAIT);
after(async () => {
  await patchMeshConfig({ sidecar: { localProxyMode: "Localhost" } });
  await deleteNamespaces(SERVERS, CLIENTS, OUTSIDE);
}, WAIT);

/** Every client pod, as `perform` names them. */
async function clientPods(): Promise<readonly string[]> {
  const names = await Promise.all(CALLERS.map(podsOf));
  return names.flat().map((name) => `${CLIENTS}/pod/${name}`);
}

/** Does `work` for all, a few at a time. */
async function forAll<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe("in SMI mode", () => {
  it("refuses who has no TrafficTarget", WAIT, async () => {
    for (const { name } of [LONE, SERVED]) await settlesAt(`${CLIENTS}/${name}`, SERVER_URL, REFUSED);
  });

  it("resets a client without a proxy [e2e_permissive]", WAIT, async () => {
    await settlesAt(STRANGER, SERVER_URL, RESET);
  });

  for (const [what, url] of Object.entries(URLS)) {
    it(
      `lets ${what} be called with a TrafficTarget, by clients with and without a Service [e2e_client_server_connectivity]`,
      WAIT,
      async () => {
        await apply(...POLICIES);
        for (const { name } of [LONE, SERVED]) {
          const [first] = await settlesAt(`${CLIENTS}/${name}`, url, "200");
          assert.equal(first?.headers["server"], "envoy");
          assert.ok(first.headers["x-envoy-upstream-service-time"], "the answer came through Envoy");
        }
      },
    );
  }

  for (const what of ["a Service with an address", "a headless Service"] as const) {
    it(
      `every one of ${CALLERS.length * CLIENT_PODS} client pods sees all ${SERVER_PODS} pods of ${what} [e2e_deployment_client_server, e2e_deployment_client_headless_server]`,
      WAIT,
      async () => {
        const servers = await podsOf({ namespace: SERVERS, name: "server" });
        assert.equal(servers.length, SERVER_PODS);
        const clients = await clientPods();
        assert.equal(clients.length, CALLERS.length * CLIENT_PODS);
        await forAll(clients, async (pod) => {
          await eventually(`${pod} sees all`, SOON, async () =>
            assert.deepEqual(identitiesOf(await expectAnswers(pod, URLS[what], "200", MANY)), servers),
          );
        });
      },
    );
  }

  it("refuses again once the TrafficTarget is deleted", WAIT, async () => {
    await remove(...POLICIES);
    for (const { name } of [LONE, SERVED])
      for (const url of Object.values(URLS)) await settlesAt(`${CLIENTS}/${name}`, url, REFUSED);
  });
});

describe("in permissive mode", () => {
  it("lets all members call all, and no one else [e2e_permissive]", WAIT, async () => {
    await setMode("permissive");
    for (const { name } of [LONE, SERVED])
      for (const url of Object.values(URLS)) await settlesAt(`${CLIENTS}/${name}`, url, "200");
    await settlesAt(STRANGER, SERVER_URL, RESET);
  });

  it(
    "denies no request of any client while it is switched to SMI with policies, and back [e2e_permissive_smi_switching]",
    WAIT,
    async () => {
      await apply(...POLICIES);
      await Promise.all([LONE, SERVED].map(({ name }) => settlesAt(`${CLIENTS}/${name}`, SERVER_URL, "200")));
      const load = { kind: "load", url: SERVER_URL, perSecond: PER_SECOND, seconds: 24 } as const;
      const callers = await Promise.all([LONE, SERVED].map(podsOf));
      const pods = callers.flatMap((names) => names.slice(0, 2)).map((name) => `${CLIENTS}/pod/${name}`);
      const loads = pods.map((pod) => perform(pod, load));
      for (const mode of ["smi", "permissive", "smi"] as const) {
        await new Promise((resolve) => setTimeout(resolve, 5000));
        await setMode(mode);
      }
      for (const { requests, outcomes, failures } of await Promise.all(loads)) {
        assert.deepEqual(failures, []);
        assert.deepEqual(outcomes, { "200": requests });
        // A third of what was due: a machine may be busy, and the switch must still have been seen.
        assert.ok(requests > (PER_SECOND * load.seconds) / 3, `only ${requests} requests`);
      }
      // That the last switch did take effect: what only permissive mode allowed is gone.
      await remove(...POLICIES);
      await settlesAt(`${CLIENTS}/lone`, SERVER_URL, REFUSED);
    },
  );
});
