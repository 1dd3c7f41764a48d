/**
 * A steady load on one URL: so many requests a second, whether answers come or not, counted by verdict.
 *
 * @module
 */
import { Hono } from "hono";
import type { Millis } from "../../core/base/millis.ts";
import { type CallOptions, callHttp, pooled } from "../call.ts";
import { pauseFor } from "../rounds.ts";
import { serveHttp } from "../serve.ts";
import { Counter, type Tally } from "../tally.ts";
import { probeRoutes } from "./app.ts";

export interface LoadInput {
  readonly url: string;
  /** Requests a second. */
  readonly rate: number;
  /** Infinity: until `signal` aborts. */
  readonly duration: Millis;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Reuse connections, or open one for every request. */
  readonly connections: "kept" | "fresh";
  /** Of one answer; 5 s if absent. */
  readonly timeout?: Millis;
  /** Serves `/raw`, `/reset` and probes while it runs; undefined: no port. */
  readonly port: number | undefined;
  readonly signal: AbortSignal;
}

export interface LoadReport extends Tally {
  readonly seconds: number;
  /** Not sent, since too many were under way. Not counted in `requests`. */
  readonly skipped: number;
  readonly latency_ms: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** At this many requests under way the load waits rather than pile up. */
const MAX_UNDER_WAY = 256;
/** Latencies kept for the percentiles, the newest. */
const MAX_SAMPLES = 100_000;
const TICK: Millis = 10;

/** Runs the load to its end and says what came of it, answers still under way included. */
export async function runLoad(input: LoadInput): Promise<LoadReport> {
  const counter = new Counter();
  const served = input.port === undefined ? undefined : await serveHttp(loadRoutes(counter), input.port);
  const latencies: Millis[] = [];
  const underWay = new Set<Promise<void>>();
  const agent = input.connections === "kept" ? pooled(MAX_UNDER_WAY) : undefined;
  const options: CallOptions = {
    method: input.method,
    headers: input.headers,
    ...(input.timeout === undefined ? {} : { timeout: input.timeout }),
    ...(agent === undefined ? {} : { agent }),
  };
  let skipped = 0;

  const send = async (): Promise<void> => {
    const from = performance.now();
    const { outcome } = await callHttp(input.url, options);
    counter.add(outcome);
    latencies[counter.tally.requests % MAX_SAMPLES] = performance.now() - from;
  };
  const started = performance.now();
  await atRate(input, started, () => {
    if (underWay.size >= MAX_UNDER_WAY) {
      skipped += 1;
      return;
    }
    const one = send().finally(() => underWay.delete(one));
    underWay.add(one);
  });
  await Promise.all(underWay);
  agent?.destroy();
  await served?.close();
  return {
    seconds: (performance.now() - started) / 1000,
    ...counter.tally,
    skipped,
    latency_ms: percentiles(latencies),
  };
}

/** Calls `send` as often as the clock says it is due, so that a late tick makes up for what it missed. */
async function atRate({ rate, duration, signal }: LoadInput, started: Millis, send: () => void): Promise<void> {
  let sent = 0;
  while (!signal.aborted) {
    const elapsed = Math.min(performance.now() - started, duration);
    for (; sent < Math.floor((elapsed * rate) / 1000); sent++) send();
    if (elapsed >= duration) return;
    await pauseFor(TICK, signal);
  }
}

function loadRoutes(counter: Counter): Hono {
  return new Hono()
    .route("/", probeRoutes())
    .get("/raw", (c) => c.json({ calls: { target: counter.tally } }))
    .get("/reset", (c) => {
      counter.reset();
      return c.text("reset");
    });
}

function percentiles(latencies: readonly Millis[]): LoadReport["latency_ms"] {
  const sorted = latencies.filter((one) => one !== undefined).sort((a, b) => a - b);
  const at = (ratioOfOne: number): number =>
    Math.round((sorted[Math.floor((sorted.length - 1) * ratioOfOne)] ?? 0) * 100) / 100;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
