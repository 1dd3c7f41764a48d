/**
 * A server's own certificate from the mesh's authority: issued at the start, replaced at half of its life. One that was
 * kept serves while the authority is away.
 *
 * @module
 */
import { type Clock, SYSTEM_CLOCK } from "../ca/clock.ts";
import type { Leaf } from "../ca/leaf.ts";
import { ProviderUnavailable } from "../ca/providers/unavailable.ts";
import type { LeafSubject } from "../ca/subject.ts";
import type { Millis } from "../core/base/millis.ts";
import type { EngineLog } from "../engine/ports.ts";
import type { CertificateTrouble } from "../http/readiness.ts";

const HOUR: Millis = 3_600_000;
const LIFE: Millis = 24 * HOUR;
/** Between two looks; also between tries while the authority cannot issue. */
const LOOK_EVERY: Millis = 60_000;

export interface ServerCertificateOptions {
  readonly authority: { issue(subject: LeafSubject, life: Millis): Promise<Leaf> };
  /** As they are at the time; the first is the common name. */
  readonly dnsNames: () => readonly [string, ...string[]];
  /** Whose it is, for the log and for health. */
  readonly server: string;
  readonly log: EngineLog;
  readonly clock?: Clock;
  readonly keep?: CertificateKeep | undefined;
}

/** Where the certificate survives this process. */
export interface CertificateKeep {
  /** The one that was written last, if peers still take it under these names. */
  read(dnsNames: readonly [string, ...string[]]): Promise<Leaf | undefined>;
  write(leaf: Leaf): Promise<void>;
}

export interface ServerCertificate {
  readonly first: Leaf;
  /** Calls `use` with every later one. Returns the end of it. */
  renew(use: (leaf: Leaf) => void): () => void;
  /** The one in force. */
  current(): Leaf;
  /** Replaces it now, since names or root are others. Never rejects: a failure is told, and tried again in time. */
  replace(): Promise<void>;
  /** What is wrong with the one in force. */
  trouble(): readonly CertificateTrouble[];
}

/** Rejects if the authority cannot issue, unless it is away and there is one that was kept. */
export async function issueServerCertificate(options: ServerCertificateOptions): Promise<ServerCertificate> {
  const { authority, dnsNames, server, log, clock = SYSTEM_CLOCK, keep } = options;
  let failing = false;
  const first = await issue().catch(keptInstead);
  let current = first;
  let use: (leaf: Leaf) => void = () => undefined;

  async function issue(): Promise<Leaf> {
    const leaf = await authority.issue({ kind: "server", dnsNames: dnsNames() }, LIFE);
    // It serves all the same: what is kept is for the next start.
    keep?.write(leaf).catch((error: unknown) => {
      log.error("a server's certificate could not be kept for the next start", { server, error: String(error) });
    });
    return leaf;
  }

  async function keptInstead(cause: unknown): Promise<Leaf> {
    const kept = cause instanceof ProviderUnavailable ? await keep?.read(dnsNames()) : undefined;
    if (kept === undefined) throw cause;
    const until = new Date(kept.notAfter).toISOString();
    log.error("a server starts with the certificate that was kept", { server, until, error: String(cause) });
    failing = true;
    return kept;
  }

  async function replace(): Promise<void> {
    try {
      const next = await issue();
      use(next);
      current = next;
      failing = false;
    } catch (error) {
      failing = true;
      log.error("a server's certificate could not be renewed", { server, error: String(error) });
    }
  }

  return {
    first,
    current: () => current,
    replace,
    renew(taker) {
      use = taker;
      let cancel = (): void => {};
      const wait = (): void => {
        cancel = clock.schedule(clock.now() + LOOK_EVERY, look);
      };
      // By the wall clock, from the certificate itself: a machine that slept finds it due.
      const look = (): void => {
        // A root that ends soon gives shorter lives: half of what this one has, not of what was asked for.
        const { issuedAt, notAfter } = current;
        if (notAfter - clock.now() <= (notAfter - issuedAt) / 2 || failing) void replace();
        wait();
      };
      wait();
      return () => cancel();
    },
    trouble() {
      if (current.notAfter <= clock.now())
        return [{ message: `the certificate of ${server} has expired`, fatal: true }];
      const message = `the certificate of ${server} could not be renewed: the log says why`;
      return failing ? [{ message, fatal: false }] : [];
    },
  };
}
