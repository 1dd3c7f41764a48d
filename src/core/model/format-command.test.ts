import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { commandFault, logFault } from "./format-command.ts";

describe("commandFault", () => {
  for (const format of [
    "",
    "no command",
    "100%%",
    "%%REQ(X)%%",
    '[%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"',
    "%REQ(user-agent):20%%PROTOCOL()%",
    "%DYNAMIC_METADATA(a:b:c):3%",
    "%FILTER_STATE(wasm.x:PLAIN)%",
    "%PATH(NQ)%%GRPC_STATUS(NUMBER)%",
  ]) {
    it(`finds nothing wrong with ${format}`, () => assert.equal(commandFault(format), undefined));
  }

  const wrong: readonly (readonly [string, string])[] = [
    ["100%", "% begins no command: write %% for a percent sign"],
    ["%PROTOCOL% %%%", "% begins no command: write %% for a percent sign"],
    ["%protocol%", "%protocol% begins no command: write %% for a percent sign"],
    ["%REQ(X)", "%REQ(X) begins no command: write %% for a percent sign"],
    ["%START_TIME(\n)%", "%START_TIME(\n)% begins no command: write %% for a percent sign"],
    ["%NOPE%", "%NOPE% is no command that can be checked"],
    ["%CEL(1 +)%", "%CEL(1 +)% is no command that can be checked"],
    ["%FILE_CONTENT(/etc/envoy/tls.key)%", "%FILE_CONTENT(/etc/envoy/tls.key)% is no command that can be checked"],
    ["%REQ%", "%REQ% has the wrong text in brackets"],
    ["%REQ(a?b?c)%", "%REQ(a?b?c)% has the wrong text in brackets"],
    ["%REQ(a b)%", "%REQ(a b)% has the wrong text in brackets"],
    ["%PROTOCOL(x)%", "%PROTOCOL(x)% has the wrong text in brackets"],
    ["%PATH(x)%", "%PATH(x)% has the wrong text in brackets"],
    ["%PROTOCOL:3%", "%PROTOCOL:3% cannot be cut to a length"],
  ];
  for (const [format, fault] of wrong) {
    it(`says of ${JSON.stringify(format)} that ${JSON.stringify(fault)}`, () =>
      assert.equal(commandFault(format), fault));
  }

  it("takes no longer for a megabyte of brackets than for its length", () => {
    const start = performance.now();
    assert.match(commandFault("%A(".repeat(400_000)) ?? "", /begins no command/);
    assert.equal(commandFault("%REQ(a)%".repeat(150_000)), undefined);
    assert.ok(performance.now() - start < 2000);
  });
});

describe("logFault", () => {
  it("knows the command that only access loggers have", () => {
    assert.equal(logFault("%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH):20%%PROTOCOL%"), undefined);
    assert.match(logFault("%REQ_WITHOUT_QUERY%") ?? "", /wrong text in brackets/);
    assert.match(commandFault("%REQ_WITHOUT_QUERY(:PATH)%") ?? "", /no command that can be checked/);
  });
});
