import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import { inspect } from "node:util";
import { refuse } from "../../../test/support/fake-api-answers.ts";
import { FakeApiServer } from "../../../test/support/fake-api-server.ts";
import { until } from "../../../test/support/told-sink.ts";
import { openAccess } from "./access.ts";
import { createClient, type KubernetesClient } from "./client.ts";
import { KubernetesError } from "./kubernetes-error.ts";

const SERVICES = "/api/v1/services";

describe("KubernetesClient", () => {
  let server: FakeApiServer;
  let clients: KubernetesClient[] = [];

  async function clientOf(user?: unknown): Promise<KubernetesClient> {
    const client = createClient(await openAccess({ kind: "file", path: server.kubeconfig(user) }));
    clients.push(client);
    return client;
  }
  async function refusal(request: Promise<unknown>): Promise<KubernetesError> {
    const cause = await request.then(
      () => assert.fail("was not refused"),
      (reason: unknown) => reason,
    );
    assert.ok(cause instanceof KubernetesError, inspect(cause));
    return cause;
  }

  beforeEach(async () => {
    server = await FakeApiServer.start();
    server.serveKind(SERVICES, "Service");
    clients = [];
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    await server.stop();
  });

  it("sends methods, queries and JSON bodies, each with the type that its method needs", async () => {
    const seen: unknown[] = [];
    const bodyOf = async (request: IncomingMessage) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      return text;
    };
    server.faults.push((request, response) => {
      void bodyOf(request).then((body) => {
        seen.push([request.method, request.url, request.headers["content-type"], body]);
        response.end("{}");
      });
      return true;
    });
    const client = await clientOf();
    await client.request({ path: "/a", query: { x: "ü&=", y: 2, z: undefined, w: true } });
    await client.request({ method: "POST", path: "/b", body: { a: "ü" } });
    await client.request({ method: "PATCH", path: "/c", body: { a: 1 } });
    await client.request({ method: "PATCH", path: "/d", body: [], contentType: "application/json-patch+json" });
    await client.request({ method: "DELETE", path: "/e" });
    assert.deepEqual(seen, [
      ["GET", "/a?x=%C3%BC%26%3D&y=2&w=true", undefined, ""],
      ["POST", "/b", "application/json", '{"a":"ü"}'],
      ["PATCH", "/c", "application/merge-patch+json", '{"a":1}'],
      ["PATCH", "/d", "application/json-patch+json", "[]"],
      ["DELETE", "/e", undefined, ""],
    ]);
  });

  it("uses one connection for requests that follow each other", async () => {
    const client = await clientOf();
    for (let i = 0; i < 5; i++) await client.request({ path: SERVICES });
    assert.equal(server.connections, 1);
  });

  it("reads compressed answers", async () => {
    server.gzip = true;
    server.put(SERVICES, { metadata: { name: "a", namespace: "n" } });
    const client = await clientOf();
    const list = (await client.request({ path: SERVICES })) as { items: unknown[] };
    assert.equal(list.items.length, 1);
  });

  it("names request, status, reason and the server's words when it is refused", async () => {
    server.faults.push((_, response) => {
      refuse(response, 403, "Forbidden", 'services is forbidden: User "me" cannot list resource');
      return true;
    });
    const cause = await refusal((await clientOf()).request({ path: SERVICES, query: { limit: 1 } }));
    assert.equal(
      cause.message,
      'GET /api/v1/services: 403 Forbidden: services is forbidden: User "me" cannot list resource',
    );
    assert.deepEqual([cause.status, cause.reason, cause.method, cause.path], [403, "Forbidden", "GET", SERVICES]);
  });

  it("quotes an answer that is no Status, such as a proxy's page", async () => {
    server.faults.push((_, response) => {
      response.writeHead(502).end(`<html>${"bad gateway ".repeat(100)}`);
      return true;
    });
    const { message, status } = await refusal((await clientOf()).request({ path: SERVICES }));
    assert.equal(status, 502);
    assert.match(message, /^GET \/api\/v1\/services: 502: <html>bad gateway/);
    assert.ok(message.length < 300);
  });

  it("says so when there is nobody, when the CA is another's, and when an answer is cut", async () => {
    const client = await clientOf();
    server.faults.push((_, response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"kind":');
      setTimeout(() => server.dropConnections(), 20);
      return true;
    });
    assert.match(
      (await refusal(client.request({ path: SERVICES }))).message,
      /^GET \/api\/v1\/services: no answer: .+/,
    );
    const other = await FakeApiServer.start();
    const foreign = createClient(await openAccess({ kind: "file", path: server.kubeconfig({}, other.port) }));
    assert.match(
      (await refusal(foreign.request({ path: SERVICES }))).message,
      /no answer: .*(certificate|issuer|signature)/i,
    );
    assert.equal(other.requests.length, 0);
    foreign.close();
    await other.stop();
    await server.away();
    const { message, status } = await refusal(client.request({ path: SERVICES }));
    assert.equal(status, 0);
    assert.match(message, /no answer: .+/);
    await server.resume();
  });

  it("gives up after its timeout, before the head and in the middle of the body", async () => {
    const client = await clientOf();
    server.faults.push((_, response) => {
      if (server.requests.length > 1) response.write("{");
      return true;
    });
    for (const _ of [1, 2]) {
      const { message } = await refusal(client.request({ path: SERVICES, timeout: 50 }));
      assert.match(message, /no answer: nothing within 50 ms/);
    }
    await until("its connections are closed", () => server.connections === 0);
  });

  it("rejects with the signal's reason once it is aborted", async () => {
    const client = await clientOf();
    server.faults.push(() => true);
    const controller = new AbortController();
    const request = client.request({ path: SERVICES, signal: controller.signal });
    const reason = new Error("enough");
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(request, reason);
    await assert.rejects(client.request({ path: SERVICES, signal: controller.signal }), reason);
    await until("its connection is closed", () => server.connections === 0);
  });

  it("closes a stream's connection when its reader stops to read", async () => {
    const client = await clientOf();
    server.put(SERVICES, { metadata: { name: "a", namespace: "n" } });
    for await (const line of await client.lines({ path: SERVICES, query: { watch: 1, resourceVersion: "0" } })) {
      assert.match(line, /"name":"a"/);
      break;
    }
    await until("its connection is closed", () => server.watchers() === 0);
  });

  it("limits the time to a stream's head, not to its end", async () => {
    const client = await clientOf();
    const lines = await client.lines({ path: SERVICES, query: { watch: 1, resourceVersion: "9" }, timeout: 100 });
    setTimeout(() => server.bookmark(SERVICES), 250);
    assert.match((await lines.next()).value, /BOOKMARK/);
    await lines.return(undefined);
  });

  it("reads a rotated token again as soon as the old one is refused", async () => {
    const tokenFile = server.file("token", "old\n");
    const client = await clientOf({ "auth-provider": { name: "tokenFile", config: { tokenFile } } });
    server.tokens.add("old");
    await client.request({ path: SERVICES });
    server.tokens.clear();
    server.tokens.add("new");
    writeFileSync(tokenFile, "new\n");
    await client.request({ path: SERVICES });
    assert.equal(server.requests.length, 3);
  });

  it("says 401 where a new token is refused too, and names no token", async () => {
    const tokenFile = server.file("token", "hush-hush");
    const client = await clientOf({ "auth-provider": { name: "tokenFile", config: { tokenFile } } });
    server.tokens.add("another");
    const cause = await refusal(client.request({ path: SERVICES }));
    assert.equal(cause.status, 401);
    assert.equal(server.requests.length, 2);
    assert.ok(!inspect(cause, { depth: 9 }).includes("hush-hush"));
  });

  it("runs a credential plugin, once until its token is refused", async () => {
    const runs = server.file("runs", "");
    const command = server.file(
      "plugin.sh",
      `#!/bin/sh\necho run >> ${runs}\necho '{"kind":"ExecCredential","status":{"token":"'$(wc -l < ${runs} | tr -d ' ')'"}}'\n`,
    );
    chmodSync(command, 0o700);
    const client = await clientOf({ exec: { apiVersion: "client.authentication.k8s.io/v1", command, args: [] } });
    server.tokens.add("1");
    await client.request({ path: SERVICES });
    await client.request({ path: SERVICES });
    server.tokens.clear();
    server.tokens.add("2");
    await client.request({ path: SERVICES });
    assert.equal(server.requests.length, 4);
  });
});

describe("openAccess", () => {
  it("names the file that is not there", async () => {
    await assert.rejects(
      openAccess({ kind: "file", path: "/nowhere/config" }),
      /the kubeconfig \/nowhere\/config cannot be read: .*ENOENT/,
    );
  });

  it("says that this is no pod", async () => {
    const host = process.env["KUBERNETES_SERVICE_HOST"];
    // The tests themselves may run in a pod.
    delete process.env["KUBERNETES_SERVICE_HOST"];
    await assert.rejects(openAccess({ kind: "in-cluster" }), /this is no pod: name a file with --kubeconfig/);
    if (host !== undefined) process.env["KUBERNETES_SERVICE_HOST"] = host;
  });
});
