/**
 * What `osm demo --json` prints: the outcome of a run in numbers.
 *
 * @module
 */
import type { Millis } from "../core/base/millis.ts";
import { callsOf, type Sample } from "./sample.ts";
import { byVersion, type Tally, type Versions } from "./tally.ts";

export interface ClientReport {
  readonly requests: number;
  readonly ok: number;
  readonly denied: number;
  readonly failed: number;
  readonly by_version: Versions;
}

export interface DemoReport {
  /** From the start of the command until every pod was ready and bookbuyer had its first book. */
  readonly ready_seconds: number;
  /** Sidecars with a stream to the control plane. */
  readonly proxies: number;
  readonly clients: { readonly bookbuyer: ClientReport; readonly bookthief: ClientReport };
}

export function buildReport(ready: Millis, sample: Sample): DemoReport {
  return {
    ready_seconds: Math.round(ready / 10) / 100,
    proxies: sample.pods.filter(({ proxy }) => proxy?.connected === true).length,
    clients: {
      bookbuyer: toClientReport(callsOf(sample, "bookbuyer", "bookstore")),
      bookthief: toClientReport(callsOf(sample, "bookthief", "bookstore")),
    },
  };
}

function toClientReport(tally: Tally): ClientReport {
  const { requests, ok, denied, failed } = tally;
  return { requests, ok, denied, failed, by_version: byVersion(tally) };
}

/** The same for people. */
export function reportLines({ ready_seconds, proxies, clients }: DemoReport): readonly string[] {
  const rows = Object.entries(clients).map(
    ([
      name,
      {
        requests,
        ok,
        denied,
        failed,
        by_version: { v1, v2 },
      },
    ]) => {
      return `${name}: ${requests} requests, ${ok} ok (v1 ${v1}, v2 ${v2}), ${denied} denied, ${failed} failed`;
    },
  );
  return [`${proxies} proxies, ready after ${ready_seconds} s`, ...rows];
}
