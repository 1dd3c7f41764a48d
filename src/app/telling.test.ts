import assert from "node:assert/strict";
import { it } from "node:test";
import { watch } from "../ca/watchdog.ts";
import type { EventPlace } from "../cluster/mesh-event.ts";
import { tellOfCertificates } from "./telling.ts";

it("a replica that tells stops at once, also while the API server says nothing", async () => {
  const asked = Promise.withResolvers<void>();
  const client: EventPlace["client"] = {
    request: ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
        asked.resolve();
      }),
  };
  const ended = { class: "service", name: "shop/web", issuedAt: 0, notAfter: 1 } as const;
  const errors: string[] = [];
  const end = new AbortController();
  const told = tellOfCertificates(
    {
      place: { client, namespace: "osm-system", replica: "a", now: () => 2 },
      plane: { watch: () => watch([ended], 2), providers: () => [] },
      log: { error: (message) => void errors.push(message) },
      pause: async (_time, signal) => {
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      },
    },
    end.signal,
  );
  await asked.promise;
  end.abort();
  await told;
  assert.deepEqual(errors, [], "to be asked to stop is no trouble");
});
