/**
 * Metrics that others count already: read when somebody scrapes.
 *
 * @module
 */
import { Counter, Gauge, type Registry } from "prom-client";

export interface Read<T> {
  readonly name: string;
  readonly help: string;
  readonly registers: Registry[];
  readonly read: () => T;
}

export function readGauge({ name, help, registers, read }: Read<number>): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}

/** A number of each value of one label; values that are no more are forgotten. */
export function readLabelledGauge({
  name,
  help,
  registers,
  label,
  read,
}: Read<Iterable<readonly [value: string, count: number]>> & { readonly label: string }): void {
  new Gauge({
    name,
    help,
    labelNames: [label],
    registers,
    collect() {
      this.reset();
      for (const [value, count] of read()) this.set({ [label]: value }, count);
    },
  });
}

/** A total that never shrinks. */
export function readCounter({ name, help, registers, read }: Read<number>): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

/** Totals by type of resource. */
export function readCounters({ name, help, registers, read }: Read<Readonly<Record<string, number>>>): void {
  new Counter({
    name,
    help,
    labelNames: ["resource_type"],
    registers,
    collect() {
      this.reset();
      for (const [type, count] of Object.entries(read())) this.inc({ resource_type: type }, count);
    },
  });
}
