import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isRecord } from "../core/model/fields.ts";
import type { MeshRootCertificate } from "../core/model/mesh-root-certificate.ts";
import { RotationRefused } from "../rotation/record.ts";
import type { ApiRequest } from "../sources/kubernetes/client.ts";
import { KubernetesError } from "../sources/kubernetes/kubernetes-error.ts";
import { rootObjects } from "./root-objects.ts";

const provider = { tresor: { ca: { secretRef: { name: "osm-ca-bundle", namespace: "osm-system" } } } };
const object = (spec: object = {}, metadata: object = {}) => ({
  metadata: { name: "one", namespace: "osm-system", generation: 4, ...metadata },
  spec: { role: "active", provider, ...spec },
});

/** An API server that answers one thing after the other; an Error is a refusal. */
function objectsOver(...answers: readonly unknown[]) {
  const requests: ApiRequest[] = [];
  const waits: number[] = [];
  const left = [...answers];
  const request = async (one: ApiRequest): Promise<unknown> => {
    requests.push(one);
    const answer = left.length > 1 ? left.shift() : left[0];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const pause = async (time: number) => void waits.push(time);
  return { requests, waits, objects: rootObjects({ client: { request }, namespace: "osm-system", pause }) };
}

const no = (status: number, detail: string) =>
  new KubernetesError({ method: "PATCH", path: "/apis/x", status, reason: "", detail });
const denied = no(403, 'admission webhook "osm-control-plane-validator.k8s.io" denied the request: must stay active');
const refused = (work: Promise<unknown>, reason: RegExp) =>
  assert.rejects(work, (error) => error instanceof RotationRefused && reason.test(error.message));

describe("MeshRootCertificates as levers write them", () => {
  const step = { name: "one", from: "passive", to: "active" } as const;

  it("get a role only if they have the one that was read", async () => {
    const { objects, requests } = objectsOver(object());
    assert.equal(await objects.setRole(step), 4);
    assert.deepEqual(requests, [
      {
        method: "PATCH",
        path: "/apis/config.openservicemesh.io/v1alpha2/namespaces/osm-system/meshrootcertificates/one",
        contentType: "application/json-patch+json",
        body: [
          { op: "test", path: "/spec/role", value: "passive" },
          { op: "replace", path: "/spec/role", value: "active" },
        ],
      },
    ]);
    for (const status of [404, 422])
      await refused(
        objectsOver(no(status, "")).objects.setRole(step),
        /one is not passive any more: somebody changed it/,
      );
  });

  it("are written again while the webhook says no, and then refused in its words", async () => {
    const late = objectsOver(denied, no(500, 'failed calling webhook "osm": no endpoints'), object());
    await late.objects.setRole(step);
    assert.equal(late.waits.length, 2);
    const never = objectsOver(denied);
    await refused(never.objects.setRole(step), /denied the request: must stay active/);
    assert.ok(never.requests.length > 5 && never.requests.length < 20);
  });

  it("are not written again where rights are missing, or nobody answers", async () => {
    for (const cause of [no(403, 'User "osm" cannot patch resource'), no(0, "socket hang up")]) {
      const { objects, waits } = objectsOver(cause);
      await assert.rejects(objects.setRole(step), cause);
      assert.deepEqual(waits, []);
    }
  });

  it("are none where the kind is not defined, and refused where one cannot be read", async () => {
    assert.deepEqual(await objectsOver(no(404, "")).objects.list(), []);
    assert.deepEqual(await objectsOver({ items: null }).objects.list(), []);
    const names = (found: readonly MeshRootCertificate[]) => found.map(({ meta }) => meta.name);
    assert.deepEqual(names(await objectsOver({ items: [object()] }).objects.list()), ["one"]);
    await refused(
      objectsOver({ items: [object({ provider: {} })] }).objects.list(),
      /one cannot be read: spec\.provider/,
    );
  });

  it("say why roles cannot be followed, of the generation that was asked for", async () => {
    const said = (status: string, observedGeneration: number) => {
      const conditions = [
        { type: "Ready", status: "False", reason: "NotInUse", message: "no", observedGeneration },
        { type: "Accepted", status, reason: "x", message: "three are active", observedGeneration },
      ];
      return objectsOver({ ...object(), status: { conditions } }).objects.trouble("one", 4);
    };
    assert.equal(await said("False", 4), "three are active");
    assert.equal(await said("False", 3), undefined);
    assert.equal(await said("True", 4), undefined);
    assert.equal(await objectsOver(object()).objects.trouble("one", 4), undefined);
  });

  it("are made once, with the provider as it is written", async () => {
    const root = { name: "one", role: "passive", trustDomain: "a.b", spiffeEnabled: true } as const;
    const secret = { namespace: "osm-system", name: "osm-ca-bundle" };
    const { objects, requests } = objectsOver(object());
    await objects.create({ ...root, provider: { kind: "tresor", secret } });
    const [sent] = requests;
    assert.ok(isRecord(sent?.body));
    assert.deepEqual(sent.body["spec"], { role: "passive", trustDomain: "a.b", spiffeEnabled: true, provider });
    const taken = objectsOver(no(409, "")).objects.create({ ...root, provider: { kind: "tresor", secret } });
    await refused(taken, /there is a MeshRootCertificate one already/);
  });

  it("are gone once, also if somebody else was first", async () => {
    await objectsOver(no(404, "")).objects.remove("one");
    await assert.rejects(objectsOver(no(500, "")).objects.remove("one"), KubernetesError);
  });
});
