import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { answerName, judge, type Outcome, toSilence } from "./outcome.ts";

const answer = (status: number, server = "envoy"): Outcome => ({ kind: "answer", status, server, identity: "" });
const failure = (code: string): Outcome => toSilence(Object.assign(new Error(code), { code }));

describe("judge() tells a refusal of the mesh from a fault when", () => {
  const cases: readonly (readonly [string, Outcome, "ok" | "denied" | "failed"])[] = [
    ["the answer is 200", answer(200), "ok"],
    ["the answer is 204", answer(204), "ok"],
    ["there is no outbound listener", failure("ECONNREFUSED"), "denied"],
    ["the listener has no chain and closes", failure("ECONNRESET"), "denied"],
    ["RBAC says 403", answer(403), "denied"],
    ["Envoy has no route", answer(404), "denied"],
    ["the application itself has no such page", answer(404, ""), "failed"],
    ["the upstream is gone", answer(503), "failed"],
    ["the application breaks", answer(500), "failed"],
    ["it redirects, which no policy does", answer(302), "failed"],
    ["no answer comes", failure("ETIMEDOUT"), "failed"],
    ["the name does not resolve", failure("ENOTFOUND"), "failed"],
    ["the error is unknown", toSilence(new Error("odd")), "failed"],
  ];
  for (const [name, outcome, verdict] of cases) it(name, () => assert.equal(judge(outcome), verdict));

  it("the expected denial is another status", () => {
    assert.equal(judge(answer(503), 503), "denied");
    assert.equal(judge(answer(500), 503), "failed");
    assert.equal(judge(answer(200), 200), "ok");
  });
});

describe("answerName()", () => {
  it("is the status, or why there was none", () => {
    assert.deepEqual([answer(503), failure("ECONNREFUSED"), failure("EAI_AGAIN"), toSilence("text")].map(answerName), [
      "503",
      "refused",
      "unresolved",
      "broken",
    ]);
  });
});
