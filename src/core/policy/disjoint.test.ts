import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { areDisjoint } from "./disjoint.ts";

describe("areDisjoint", () => {
  for (const [a, b, expected] of [
    ["/books", "/buy", true],
    ["/books", "/books", false],
    ["/books", "/books/.*", true],
    ["/books/", "/books/.*", false],
    ["/a/.*", "/b/.*", true],
    ["/a/.*", "/a/b/.*", false],
    [".*", "/b", false],
    ["/ab?", "/a", false],
    ["/ab*c", "/ac", false],
    ["/ab{0}", "/a", false],
    ["/ab+", "/a", true],
    ["/a|/b", "/b", false],
    ["/a\\.txt", "/abtxt", true],
    ["/a\\.txt", "/a.txt", false],
    ["/a\\d", "/a1", false],
    ["/\\Qa\\E", "/a", false],
    ["(?i)/A", "/a", false],
    ["^/a$", "/a", false],
    ["/💡*", "/", false],
  ] as const) {
    it(`${a} and ${b}: ${expected}`, () => {
      assert.equal(areDisjoint(a, b), expected);
      assert.equal(areDisjoint(b, a), expected);
    });
  }

  it("never says so of two patterns that a path matches both", () => {
    const part = fc.constantFrom(
      "/",
      "a",
      "b",
      "ab",
      "\\.",
      ".",
      ".*",
      "a*",
      "b?",
      "a+",
      "[ab]",
      "(a|b)",
      "a{0,1}",
      "\\w",
    );
    const pattern = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(""));
    const path = fc.stringMatching(/^[/ab.]{0,5}$/);
    const law = fc.property(pattern, pattern, fc.array(path, { minLength: 5, maxLength: 20 }), (a, b, paths) => {
      if (!areDisjoint(a, b)) return;
      const [one, other] = [RE2JS.compile(a), RE2JS.compile(b)];
      for (const text of paths) assert.ok(!(one.matches(text) && other.matches(text)), `${a} ${b} ${text}`);
    });
    fc.assert(law, { numRuns: 500 });
  });
});
