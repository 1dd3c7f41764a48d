/** TrafficTargets: by path, in the wrong namespace, and what the validating webhook says to those. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { app, httpRoutes, namespace, service, trafficTarget } from "../support/workloads.ts";
import { kubectlComplaint } from "./kubectl.ts";
import { apply, client, deleteNamespaces, ensureMesh, remove, setMode, untilReady, WAIT } from "./mesh.ts";
import { expectAnswers, REFUSED, settlesAt } from "./traffic.ts";

const SERVERS = "target-server";
const CLIENTS = "target-client";
const UNMONITORED = "target-unmonitored";
const READER = { namespace: CLIENTS, name: "reader" };
const WRITER = { namespace: CLIENTS, name: "writer" };
const URL = `http://server.${SERVERS}:14001`;

const ROUTES = httpRoutes({ namespace: SERVERS, name: "paths" }, [
  { name: "read", pathRegex: "/read", methods: ["GET"] },
  { name: "write", pathRegex: "/write", methods: ["GET"] },
]);
const target = (ns: string, from: typeof READER, match: string) =>
  trafficTarget({
    namespace: ns,
    name: from.name,
    to: "server",
    from: [from],
    rules: [{ kind: "HTTPRouteGroup", name: "paths", matches: [match] }],
  });
const TARGETS = [target(SERVERS, READER, "read"), target(SERVERS, WRITER, "write")];

/** In `ns`, for a server that is in another: who may call it is not for `ns` to say. */
const strayTarget = (ns: string) => {
  const stray = target(ns, READER, "read");
  const destination = { kind: "ServiceAccount", name: "server", namespace: SERVERS };
  return { ...stray, spec: { ...(stray["spec"] as object), destination } };
};

before(async () => {
  await ensureMesh();
  await setMode("smi");
  await apply(namespace(SERVERS), namespace(CLIENTS), namespace(UNMONITORED, "outside"));
  await apply(
    ...app({ namespace: SERVERS, name: "server", run: { app: ["http-echo", "--port", "14001"] }, port: 14001 }),
    service({ namespace: SERVERS, name: "server" }, [{ port: 14001, appProtocol: "http" }]),
    ...client(READER),
    ...client(WRITER),
    ROUTES,
    ...TARGETS,
  );
  await untilReady(SERVERS, CLIENTS);
}, WAIT);
after(async () => await deleteNamespaces(SERVERS, CLIENTS, UNMONITORED), WAIT);

describe("paths of a TrafficTarget [e2e_smi_traffic_target]", () => {
  it("gives each client its own path, 403 for the other's, 404 for no one's", WAIT, async () => {
    for (const [who, own, other] of [
      ["reader", "/read", "/write"],
      ["writer", "/write", "/read"],
    ]) {
      const pod = `${CLIENTS}/${who}`;
      await settlesAt(pod, `${URL}${own}`, "200");
      await expectAnswers(pod, `${URL}${other}`, "403");
      await expectAnswers(pod, `${URL}/else`, "404");
    }
  });

  it("are refused once it is deleted", WAIT, async () => {
    await remove(...TARGETS);
    await settlesAt(`${CLIENTS}/reader`, `${URL}/read`, REFUSED);
    await settlesAt(`${CLIENTS}/writer`, `${URL}/write`, REFUSED);
  });
});

describe("a TrafficTarget in another namespace than its destination [e2e_smi_traffic_target, e2e_validate_smi_traffic_target]", () => {
  const create = (object: object) => kubectlComplaint(["create", "-f", "-"], JSON.stringify(object));

  it("is refused in a monitored namespace, with a reason", WAIT, async () => {
    const said = await create(strayTarget(CLIENTS));
    assert.match(said, /admission webhook "osm-validator\.k8s\.io" denied the request/);
    assert.match(said, new RegExp(SERVERS));
  });

  it("is taken in the namespace of its destination, and enforced", WAIT, async () => {
    assert.equal(await create(target(SERVERS, READER, "read")), "");
    await settlesAt(`${CLIENTS}/reader`, `${URL}/read`, "200");
    await remove(...TARGETS);
    await settlesAt(`${CLIENTS}/reader`, `${URL}/read`, REFUSED);
  });

  it("is taken in a namespace that is not monitored, and allows nothing", WAIT, async () => {
    assert.equal(await create(strayTarget(UNMONITORED)), "");
    // What is allowed shows within this time; see the test above. Then the stray one was seen too.
    await apply(target(SERVERS, WRITER, "write"));
    await settlesAt(`${CLIENTS}/writer`, `${URL}/write`, "200");
    await expectAnswers(`${CLIENTS}/reader`, `${URL}/read`, REFUSED);
  });
});
