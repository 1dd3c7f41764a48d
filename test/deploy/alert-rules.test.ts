/** The rules for Prometheus that the guide gives are ones that Prometheus can load, on metrics that there are. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { CERTIFICATE_CLASSES } from "../../src/ca/watchdog.ts";
import { isRecord } from "../../src/core/model/fields.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { DEPLOY } from "./documents.ts";

/** With a sample of every metric that has labels. */
const METRICS = createMetrics({
  version: { version: "2", gitCommit: "a", buildDate: "b" },
  connectedProxies: () => 0,
  proxiesInSync: () => 0,
  monitoredNamespaces: () => 0,
  sent: () => ({}),
  rejected: () => ({}),
  overLimit: () => 0,
  certificateEnds: () => [],
  certificates: () => ({ left: CERTIFICATE_CLASSES.map((one) => [one, 1] as const), overdue: 0, expired: 0 }),
  providers: () => [{ name: "vault", out: 1 }],
  rotation: () => ({ phase: "steady", laggards: 0 }),
  findings: () => [],
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly summary: string;
}

/** The indented block that follows the heading. */
function rules(): readonly Rule[] {
  const guide = readFileSync(join(DEPLOY, "guides/observability.md"), "utf8");
  const section = guide.split(/^## /m).find((one) => one.startsWith("Alerts")) ?? "";
  const block = section.split("\n").filter((line) => line.startsWith("    "));
  const file: unknown = parse(block.map((line) => line.slice(4)).join("\n"));
  const groups: readonly unknown[] = isRecord(file) && Array.isArray(file["groups"]) ? file["groups"] : [];
  return groups.flatMap((group) => {
    const listed: readonly unknown[] = isRecord(group) && Array.isArray(group["rules"]) ? group["rules"] : [];
    return listed.map(toRule);
  });
}

function toRule(rule: unknown): Rule {
  assert.ok(isRecord(rule) && isRecord(rule["annotations"]), JSON.stringify(rule));
  const { alert, expr, annotations } = rule;
  const summary = annotations["summary"];
  assert.ok(typeof alert === "string" && typeof expr === "string" && typeof summary === "string", String(alert));
  return { alert, expr, summary };
}

const SELECTOR = /(osm_\w+)(?:\{([^}]*)\})?/g;

/** What samples begin with that a selector finds: for each of several values, or with whatever labels. */
function samplesOf(name: string, matcher: string | undefined): readonly RegExp[] {
  if (matcher === undefined) return [new RegExp(`^${name}[ {]`)];
  const [, label, values = ""] = /^(\w+)(?:=~|!=|=)"([^"]*)"$/.exec(matcher) ?? [];
  assert.ok(label !== undefined, `${name} with more than one matcher: ${matcher}`);
  return values.split("|").map((value) => new RegExp(`^${name}\\{${label}="${value}"\\} `));
}

describe("rules for Prometheus in the guide", () => {
  it("are there for certificates, for those who sign them, and for a rotation", () => {
    const said = rules().map(({ expr }) => expr);
    for (const metric of ["osm_certificates_overdue", "osm_certificate_provider_up", "osm_root_rotation_phase"])
      assert.ok(
        said.some((expr) => expr.includes(metric)),
        `${metric} in ${said}`,
      );
  });

  it("name metrics and values of labels that there are", async () => {
    const samples = (await METRICS.text()).split("\n").filter((line) => !line.startsWith("#"));
    for (const { alert, expr } of rules()) {
      const wanted = [...expr.matchAll(SELECTOR)].flatMap(([, name = "", matcher]) => samplesOf(name, matcher));
      assert.ok(wanted.length > 0, `${alert} looks at nothing of ours`);
      for (const one of wanted)
        assert.ok(
          samples.some((line) => one.test(line)),
          `${alert}: there is no ${one}`,
        );
    }
  });

  it("tell their label in words only where the expression keeps it", () => {
    for (const { alert, expr, summary } of rules()) {
      for (const [, label = ""] of summary.matchAll(/\$labels\.(\w+)/g)) {
        // Without an aggregation all labels stay, those that Prometheus adds too.
        const kept = /\b(?:min|max|sum|count)\b/.test(expr) ? expr.includes(`by (${label})`) : true;
        assert.ok(kept, `${alert} has no ${label}`);
      }
    }
  });
});
