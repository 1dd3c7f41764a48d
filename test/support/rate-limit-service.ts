/**
 * A rate limit service as Envoy asks one: `bun test/support/rate-limit-service.ts PORT '<JSON of limits>'`.
 *
 * Counts in windows that begin with the first hit, so that a test does not fail when the clock's minute ends in it.
 * Everything that it was asked is told at `GET /asked` on the next port.
 *
 * @module
 */
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:http2";
import { create } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  RateLimitResponse_Code as Code,
  type RateLimitResponse,
  RateLimitResponseSchema,
  RateLimitService,
  RateLimitResponse_RateLimit_Unit as Unit,
} from "../../gen/envoy/service/ratelimit/v3/rls_pb.ts";

const WINDOWS = { second: [Unit.SECOND, 1000], minute: [Unit.MINUTE, 60_000] } as const;

/** How often requests with exactly these entries may come. */
export interface Limit {
  readonly domain: string;
  /** By key; "" is any value, and each value then counts for itself. */
  readonly entries: Readonly<Record<string, string>>;
  readonly requests: number;
  readonly per: keyof typeof WINDOWS;
}

/** What it was asked, one list of `key=value` for each descriptor. */
export interface Asked {
  readonly domain: string;
  readonly descriptors: readonly (readonly string[])[];
}

interface Window {
  readonly endsAt: number;
  hits: number;
}

type Entries = readonly { readonly key: string; readonly value: string }[];
type Answer = RateLimitResponse["statuses"][number];

/** @param now - Epoch milliseconds. */
function createLimiter(limits: readonly Limit[], now: () => number) {
  const windows = new Map<string, Window>();
  const asked: Asked[] = [];
  return {
    asked: (): readonly Asked[] => asked,
    judge(domain: string, descriptors: readonly Entries[]): RateLimitResponse {
      asked.push({ domain, descriptors: descriptors.map(textsOf) });
      const statuses = descriptors.map((entries) => statusOf(domain, entries));
      const isOver = statuses.some(({ code }) => code === Code.OVER_LIMIT);
      return create(RateLimitResponseSchema, { overallCode: isOver ? Code.OVER_LIMIT : Code.OK, statuses });
    },
  };

  /** As the well-known service does: what no limit is for passes. */
  function statusOf(domain: string, entries: Entries): Answer {
    const { statuses } = create(RateLimitResponseSchema, { statuses: [{ code: Code.OK }] });
    const [pass] = statuses;
    if (pass === undefined) throw new Error("a message lost what it was made of");
    const limit = limits.find((one) => one.domain === domain && isFor(one, entries));
    if (limit === undefined) return pass;
    const [unit, lengthMs] = WINDOWS[limit.per];
    const window = windowOf(`${domain} ${textsOf(entries).join(" ")}`, lengthMs);
    window.hits += 1;
    const left = Math.max(0, limit.requests - window.hits);
    const answer = create(RateLimitResponseSchema, {
      statuses: [
        {
          code: window.hits > limit.requests ? Code.OVER_LIMIT : Code.OK,
          currentLimit: { requestsPerUnit: limit.requests, unit },
          limitRemaining: left,
          durationUntilReset: { seconds: BigInt(Math.ceil((window.endsAt - now()) / 1000)) },
        },
      ],
    });
    return answer.statuses[0] ?? pass;
  }

  function windowOf(key: string, lengthMs: number): Window {
    const known = windows.get(key);
    if (known !== undefined && known.endsAt > now()) return known;
    const window = { endsAt: now() + lengthMs, hits: 0 };
    windows.set(key, window);
    return window;
  }
}

function isFor(limit: Limit, entries: Entries): boolean {
  const wanted = Object.entries(limit.entries);
  return (
    wanted.length === entries.length &&
    wanted.every(([key, value], i) => entries[i]?.key === key && (value === "" || entries[i]?.value === value))
  );
}

function textsOf(entries: Entries): readonly string[] {
  return entries.map(({ key, value }) => `${key}=${value}`);
}

function serve(port: number, limits: readonly Limit[]): void {
  const limiter = createLimiter(limits, Date.now);
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(RateLimitService, {
        shouldRateLimit: ({ domain, descriptors }) =>
          limiter.judge(
            domain,
            descriptors.map(({ entries }) => entries),
          ),
      }),
  });
  createServer(handler).listen(port, "0.0.0.0");
  createHttpServer((_, response) => response.end(JSON.stringify(limiter.asked()))).listen(port + 1, "0.0.0.0");
}

if (import.meta.main) serve(Number(process.argv[2]), JSON.parse(process.argv[3] ?? "[]") as Limit[]);
