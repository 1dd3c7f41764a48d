/**
 * A server's own certificate from the mesh's authority: issued at the start, replaced at half of its life.
 *
 * @module
 */
import type { Authority } from "../ca/authority.ts";
import type { Leaf } from "../ca/leaf.ts";
import type { Millis } from "../core/base/millis.ts";
import type { EngineLog } from "../engine/ports.ts";

const HOUR: Millis = 3_600_000;
const LIFE: Millis = 24 * HOUR;
/** Between two looks; also between tries while the authority cannot issue. */
const LOOK_EVERY: Millis = 60_000;

export interface ServerCertificateOptions {
  readonly authority: Authority;
  /** The first is the common name. */
  readonly dnsNames: readonly [string, ...string[]];
  /** Whose it is, for the log. */
  readonly server: string;
  readonly log: EngineLog;
}

export interface ServerCertificate {
  readonly first: Leaf;
  /** Calls `use` with every later one. Returns the end of it. */
  renew(use: (leaf: Leaf) => void): () => void;
}

export async function issueServerCertificate(options: ServerCertificateOptions): Promise<ServerCertificate> {
  const { authority, dnsNames, server, log } = options;
  const issue = (): Promise<Leaf> => authority.issue({ kind: "server", dnsNames }, LIFE);
  const first = await issue();
  return {
    first,
    renew(use) {
      let current = first;
      // By the wall clock, from the certificate itself: a machine that slept finds it due.
      const timer = setInterval(() => {
        if (current.notAfter - Date.now() > LIFE / 2) return;
        issue().then(
          (next) => {
            current = next;
            use(next);
          },
          (error: unknown) =>
            log.error("a server's certificate could not be renewed", { server, error: String(error) }),
        );
      }, LOOK_EVERY);
      return () => clearInterval(timer);
    },
  };
}
