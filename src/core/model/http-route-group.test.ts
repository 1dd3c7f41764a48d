import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HTTPRouteGroup } from "./http-route-group.ts";

function group(...matches: readonly unknown[]) {
  return HTTPRouteGroup.parse({
    apiVersion: "specs.smi-spec.io/v1alpha4",
    kind: "HTTPRouteGroup",
    metadata: { name: "api-routes", namespace: "stock" },
    spec: { matches },
  });
}

function only(match: unknown) {
  const parsed = group(match);
  assert.ok(parsed.ok, JSON.stringify(parsed.findings));
  const [first] = parsed.value.matches;
  assert.ok(first !== undefined);
  return first;
}

describe("HTTPRouteGroup.parse", () => {
  it("reads OSM's own sample", () => {
    const match = { name: "write", pathRegex: "/items", methods: ["POST"], headers: [{ "x-role": "editor" }] };
    assert.deepEqual(only(match), { ...match, headers: [{ name: "x-role", regex: "editor" }] });
  });

  for (const written of [
    { name: "all" },
    { name: "all", pathRegex: "", methods: [], headers: null },
    { name: "all", pathRegex: null },
  ]) {
    it(`allows everything for ${JSON.stringify(written)}`, () => {
      assert.deepEqual(only(written), { name: "all", pathRegex: ".*", methods: ["*"], headers: [] });
    });
  }

  const methods: readonly (readonly [unknown, readonly string[]])[] = [
    [
      ["GET", "", "GET", "HEAD"],
      ["GET", "HEAD"],
    ],
    [["GET", "*"], ["*"]],
    [["", null], ["*"]],
    [["PROPFIND"], ["PROPFIND"]],
  ];
  for (const [written, expected] of methods) {
    it(`reads methods ${JSON.stringify(written)} as ${JSON.stringify(expected)}`, () => {
      assert.deepEqual(only({ name: "m", methods: written }).methods, expected);
    });
  }

  it("makes one sorted list of headers, the host first and the later of two with one name", () => {
    const headers = [{ "X-Role": "a", accept: "b" }, { host: "books.*" }, { accept: "c" }];
    assert.deepEqual(only({ name: "m", headers }).headers, [
      { name: ":authority", regex: "books.*" },
      { name: "accept", regex: "c" },
      { name: "x-role", regex: "a" },
    ]);
  });

  // Only one of them would be a wider rule than the operator wrote.
  it("keeps both conditions where one header is spelt in two ways", () => {
    const headers = [{ "X-Role": "admin" }, { "x-role": ".*" }];
    assert.deepEqual(only({ name: "m", headers }).headers, [
      { name: "x-role", regex: ".*" },
      { name: "x-role", regex: "admin" },
    ]);
  });

  it("treats __proto__ as any other header name", () => {
    const headers = JSON.parse('[{"__proto__": "x", "constructor": "y"}]');
    const names = only({ name: "m", headers }).headers.map(({ name }) => name);
    assert.deepEqual(names, ["__proto__", "constructor"]);
    assert.equal(Object.hasOwn(Object.prototype, "x"), false);
  });

  it("lets the last of two matches with one name stand, and says so", () => {
    const parsed = group({ name: "a", pathRegex: "/1" }, { name: "b" }, { name: "a", pathRegex: "/2" });
    assert.ok(parsed.ok);
    assert.deepEqual(
      parsed.value.matches.map(({ name, pathRegex }) => `${name}${pathRegex}`),
      ["b.*", "a/2"],
    );
    assert.deepEqual(
      parsed.findings.map(({ code, path }) => [code, path]),
      [["route-match-duplicate", "spec.matches[0].name"]],
    );
  });

  const bad: readonly (readonly [string, unknown, readonly string[]])[] = [
    ["no name", {}, ["name"]],
    ["an empty name", { name: "" }, ["name"]],
    ["a pattern that is a number", { name: "a", pathRegex: 0 }, ["pathRegex"]],
    ["an open bracket", { name: "a", pathRegex: "/[a" }, ["pathRegex"]],
    ["look-ahead, which RE2 lacks", { name: "a", pathRegex: "/(?=a)" }, ["pathRegex"]],
    ["a back-reference, which RE2 lacks", { name: "a", pathRegex: "(a)\\1" }, ["pathRegex"]],
    ["an escape above a byte, which Envoy refuses", { name: "a", pathRegex: "\\x{1F600}" }, ["pathRegex"]],
    ["a repetition beyond all measure", { name: "a", pathRegex: "(a{1000}b){50}" }, ["pathRegex"]],
    ["a pattern of too many steps", { name: "a", pathRegex: "a{1000}".repeat(11) }, ["pathRegex"]],
    ["a very long pattern", { name: "a", pathRegex: "a".repeat(9000) }, ["pathRegex"]],
    ["parentheses without end", { name: "a", pathRegex: "(".repeat(8000) }, ["pathRegex"]],
    ["half a character", { name: "a", pathRegex: "\ud800" }, ["pathRegex"]],
    ["a method in lower case", { name: "a", methods: ["get"] }, ["methods[0]"]],
    ["a method with a space", { name: "a", methods: ["GET", "G T"] }, ["methods[1]"]],
    ["methods that are no list", { name: "a", methods: "GET" }, ["methods"]],
    ["headers that are no list", { name: "a", headers: { a: "b" } }, ["headers"]],
    ["a bad header pattern", { name: "a", headers: [{ a: "*" }] }, ["headers[0].a"]],
    ["an empty header pattern", { name: "a", headers: [{ a: "" }] }, ["headers[0].a"]],
    [
      "a bad header name and pattern",
      { name: "a", headers: [{ "a b": "ok", c: "[" }] },
      ['headers[0]["a b"]', "headers[0].c"],
    ],
    ["a header that is a number", { name: "a", headers: [{}, { "x-n": 1 }] }, ['headers[1]["x-n"]']],
  ];
  for (const [title, match, expected] of bad) {
    it(`refuses ${title}`, () => {
      const parsed = group({ name: "good" }, match);
      assert.equal(parsed.ok, false);
      const marks = parsed.findings.map(({ code, path }) => `${code} ${path}`);
      assert.deepEqual(marks.sort(), expected.map((path) => `object-invalid spec.matches[1].${path}`).sort());
    });
  }

  for (const pattern of [
    "/a.*",
    "\\C",
    "(?P<id>\\d+)",
    "(?<id>\\d+)",
    "\\Qa.b\\E",
    "(?i)/x",
    "a{100}",
    "\\x{e9}",
    "\\pL+",
    "/\\\\x{100}",
  ]) {
    it(`accepts ${pattern}, as Envoy does`, () =>
      assert.equal(only({ name: "m", pathRegex: pattern }).pathRegex, pattern));
  }

  it("warns of fields that it does not have", () => {
    const parsed = group({ name: "a", path: "/x" });
    assert.ok(parsed.ok);
    assert.deepEqual(
      parsed.findings.map(({ code, path }) => [code, path]),
      [["field-unknown", "spec.matches[0].path"]],
    );
  });

  it("reads a group without matches as empty", () => {
    const parsed = HTTPRouteGroup.parse({ metadata: { name: "a" }, spec: {} });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.value.matches, []);
  });
});
