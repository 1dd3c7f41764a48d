import assert from "node:assert/strict";
import { get } from "node:https";
import { describe, it } from "node:test";
import { testRoot } from "../../../test/support/xds-pki.ts";
import { startHttpsEcho } from "./https-echo.ts";

const quiet = { port: 0, log: () => undefined };

describe("https-echo", () => {
  it("answers over TLS with the certificate that it is given", async () => {
    const root = await testRoot();
    const { certificate, key } = await root.issue("web");
    const served = await startHttpsEcho({ env: { TLS_CERTIFICATE: certificate, TLS_KEY: key }, ...quiet });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    get(`https://localhost:${served.port}/status/418`, { ca: root.pem }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    }).on("error", reject);
    try {
      assert.equal(await promise, 418);
    } finally {
      await served.close();
    }
  });

  it("does not start without one", async () => {
    await assert.rejects(startHttpsEcho({ env: {}, ...quiet }), /needs TLS_CERTIFICATE and TLS_KEY/);
  });
});
