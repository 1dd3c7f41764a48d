import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Watched, watch } from "./watchdog.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 23);
const leaf = (left: number, part: Partial<Watched> = {}): Watched => ({
  class: "service",
  name: "shop/web",
  issuedAt: NOW + left - DAY,
  notAfter: NOW + left,
  ...part,
});

describe("the watchdog", () => {
  it("says nothing while leaves are renewed in time", () => {
    const { alarms, first, expired } = watch([leaf(DAY), leaf(DAY / 3), leaf(DAY / 4)], NOW);
    assert.deepEqual([alarms.length, expired], [0, 0]);
    assert.equal(first?.notAfter, NOW + DAY / 4);
  });

  it("says who is late, who is about to end and who has ended, the most urgent first", () => {
    const certificates = [leaf(DAY / 5), leaf(-1, { name: "shop/api" }), leaf(DAY / 20, { name: "shop/db" })];
    const { alarms, expired } = watch(certificates, NOW);
    assert.deepEqual(
      alarms.map(({ kind, certificate }) => [kind, certificate.name]),
      [
        ["expired", "shop/api"],
        ["critical", "shop/db"],
        ["overdue", "shop/web"],
      ],
    );
    assert.equal(expired, 1);
    assert.match(alarms[1]?.message ?? "", /shop\/db should have been renewed by now, and ends at 2026-11-23T01:12/);
  });

  it("tells how long each class has, and leaves out those that are not there", () => {
    const { left } = watch([leaf(DAY), leaf(DAY / 2, { class: "proxy" }), leaf(DAY / 3)], NOW);
    assert.deepEqual([...left].sort(), [
      ["proxy", DAY / 2],
      ["service", DAY / 3],
    ]);
    assert.equal(watch([], NOW).first, undefined);
  });

  it("reports a clock that was set back", () => {
    const { alarms } = watch([leaf(DAY)], NOW - 3_600_000);
    assert.deepEqual([alarms.length, alarms[0]?.kind], [1, "skewed"]);
    assert.match(alarms[0]?.message ?? "", /clocks/);
  });

  it("leaves roots and intermediates to those who warn of them long before", () => {
    for (const kind of ["root", "intermediate"] as const)
      assert.deepEqual(watch([leaf(DAY / 100, { class: kind })], NOW).alarms, []);
  });

  it("counts each class", () => {
    const { counts } = watch([leaf(DAY), leaf(-1, { class: "proxy" }), leaf(1, { class: "proxy" })], NOW);
    assert.deepEqual([...counts].sort(), [
      ["proxy", 2],
      ["service", 1],
    ]);
  });
});
