import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ALLOWED_FOR, kubernetesAuthorizer, RBAC_PREFIX } from "./kubernetes-authorizer.ts";

const STATUS = { verb: "get", path: "/api/v1/status" };
const USER = {
  username: "system:serviceaccount:shop:web",
  uid: "u1",
  groups: ["system:serviceaccounts", "system:authenticated"],
  extra: { "authentication.kubernetes.io/pod-name": ["web-1"] },
};

interface Answers {
  readonly token?: unknown;
  readonly access?: unknown;
}

/** An API server that answers every review with the same, and keeps what it was asked. */
function apiServer({ token = { authenticated: true, user: USER }, access = { allowed: true } }: Answers = {}) {
  const asked: { readonly path: string; readonly spec: Readonly<Record<string, unknown>> }[] = [];
  return {
    asked,
    post: async (path: string, body: unknown): Promise<unknown> => {
      asked.push({ path, spec: (body as { spec: Record<string, unknown> }).spec });
      const status = path.endsWith("/tokenreviews") ? token : access;
      if (status instanceof Error) throw status;
      return { kind: "Review", status };
    },
  };
}

describe("authorization by Kubernetes", () => {
  it("asks whose the token is, then whether all of that user may", async () => {
    const { asked, post } = apiServer();
    const decision = await kubernetesAuthorizer({ post }).authorize("t", STATUS);
    assert.deepEqual(decision, { kind: "allowed", user: USER.username });
    const { username, ...rest } = USER;
    assert.deepEqual(asked, [
      { path: "/apis/authentication.k8s.io/v1/tokenreviews", spec: { token: "t" } },
      {
        path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        spec: {
          user: username,
          ...rest,
          nonResourceAttributes: { verb: "get", path: "/openservicemesh.io/api/v1/status" },
        },
      },
    ]);
  });

  it("never asks for a path that system:discovery grants to everybody", () => {
    const granted = ["/api", "/apis", "/healthz", "/livez", "/readyz", "/openapi", "/version"];
    assert.ok(!granted.some((path) => RBAC_PREFIX === path || RBAC_PREFIX.startsWith(`${path}/`)));
  });

  it("says no to a token that proves nobody, and asks no further", async () => {
    for (const token of [
      { authenticated: false },
      {},
      { user: USER },
      { authenticated: false, user: USER, error: "expired" },
    ]) {
      const { asked, post } = apiServer({ token });
      assert.deepEqual(await kubernetesAuthorizer({ post }).authorize("t", STATUS), { kind: "unauthenticated" });
      assert.equal(asked.length, 1);
    }
  });

  it("says no to a user who may not, and names the way out", async () => {
    for (const access of [{ allowed: false }, { allowed: true, denied: true }]) {
      const decision = await kubernetesAuthorizer(apiServer({ access })).authorize("t", STATUS);
      assert.deepEqual(decision, {
        kind: "forbidden",
        user: USER.username,
        way: "a ClusterRole must grant it on nonResourceURLs /openservicemesh.io/api/v1/status",
      });
    }
  });

  it("lets nobody in on an answer that it cannot read, or none", async () => {
    const unreadable: readonly Answers[] = [
      { token: "yes" },
      { token: { authenticated: "true", user: USER } },
      { token: { authenticated: true } },
      { token: { authenticated: true, user: { username: "" } } },
      { token: new Error("https://10.0.0.1: refused") },
      { access: {} },
      { access: { allowed: "true" } },
      { access: { allowed: 1 } },
      { access: new Error("https://10.0.0.1: refused") },
    ];
    for (const answers of unreadable) {
      const decision = await kubernetesAuthorizer(apiServer(answers)).authorize("t", STATUS);
      assert.deepEqual(
        decision,
        { kind: "unavailable", reason: "the API server did not answer" },
        JSON.stringify(answers),
      );
    }
    const silent = kubernetesAuthorizer({ post: () => new Promise(() => {}), timeout: 20 });
    assert.equal((await silent.authorize("t", STATUS)).kind, "unavailable");
  });

  it("remembers a yes for ten seconds, for that token, verb and path alone", async () => {
    let now = 1_000_000;
    const { asked, post } = apiServer();
    const { authorize } = kubernetesAuthorizer({ post, now: () => now });
    const reviewsOf = async (token: string, access = STATUS): Promise<number> => {
      const before = asked.length;
      await authorize(token, access);
      return asked.length - before;
    };
    assert.equal(await reviewsOf("t"), 2);
    assert.equal(await reviewsOf("t"), 0);
    assert.equal(await reviewsOf("other"), 2);
    assert.equal(await reviewsOf("t", { verb: "get", path: "/api/v1/proxies" }), 2);
    assert.equal(await reviewsOf("t", { verb: "post", path: STATUS.path }), 2);
    now += ALLOWED_FOR - 1;
    assert.equal(await reviewsOf("t"), 0);
    now += 1;
    assert.equal(await reviewsOf("t"), 2);
    now -= 3_600_000;
    assert.equal(await reviewsOf("t"), 2, "a clock that was set back must not lengthen it");
  });

  it("does not remember a no", async () => {
    const answers: { access: unknown } = { access: { allowed: false } };
    const server = apiServer();
    const { authorize } = kubernetesAuthorizer({
      post: async (path, body) =>
        path.endsWith("tokenreviews") ? server.post(path, body) : { status: answers.access },
    });
    assert.equal((await authorize("t", STATUS)).kind, "forbidden");
    answers.access = { allowed: true };
    assert.equal((await authorize("t", STATUS)).kind, "allowed");
  });

  it("asks once for many at one time, and turns away a flood", async () => {
    let reviews = 0;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { authorize } = kubernetesAuthorizer({
      post: async () => {
        reviews += 1;
        await released;
        return { status: { authenticated: false } };
      },
    });
    const same = Array.from({ length: 50 }, () => authorize("t", STATUS));
    const others = Array.from({ length: 50 }, (_, i) => authorize(`t${i}`, STATUS));
    // Which of them come too late is not said: their tokens are hashed side by side.
    const turnedAway: string[] = [];
    for (const one of others) void one.then(({ kind }) => turnedAway.push(kind));
    while (turnedAway.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(new Set(turnedAway), new Set(["unavailable"]));
    assert.ok(reviews <= 32, `${reviews} at a time`);
    release();
    assert.deepEqual(new Set((await Promise.all(same)).map(({ kind }) => kind)), new Set(["unauthenticated"]));
    assert.equal((await authorize("later", STATUS)).kind, "unauthenticated");
  });
});
