import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLogger, LOG_LEVELS } from "./logger.ts";

describe("logger", () => {
  it("shows what its level says, from the moment that it is set", () => {
    const lines: string[] = [];
    const log = createLogger((line) => lines.push(line));
    const shown = LOG_LEVELS.map((level) => {
      log.setLevel(level);
      lines.length = 0;
      log.info("i");
      log.error("e");
      return `${level} ${lines.map((line) => JSON.parse(line).message).join("")}`;
    });
    assert.deepEqual(shown, ["trace ie", "debug ie", "info ie", "warn e", "error e", "fatal ", "panic ", "disabled "]);
  });
});
