/**
 * What the model lets through for a format, a real Envoy takes; and what it does not, Envoy refuses, but for what is
 * left out on purpose.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COMMANDS, commandFault } from "../../src/core/model/format-command.ts";
import { envoyFromEnvironment, validateText } from "./validate.ts";

/** Texts in brackets, and lengths, that may or may not go with a command. */
const ENDINGS = ["", "()", "(x)", "(x):5", ":5", "(a?b)", "(WQ)", "(ORIG)", "(SNAKE_STRING)", "(DYNAMIC:a:b):9"];
/** The characters that a header's name may have, in a log's command. */
const HEADER_CHARACTERS = [..."!#$&'*+.^`|~:-_ ;\"/,@<=>[\\]{}"];
/** Their text is a language of its own; and what would need one more pattern to check. */
const ON_PURPOSE = /^%(?:CEL|TYPED_CEL|COALESCE|COMMON_DURATION|REQUESTED_SERVER_NAME\(SNI)/;

const everyForm = COMMANDS.flatMap((name) => ENDINGS.map((ending) => `%${name}${ending}%`));
const headers = [...HEADER_CHARACTERS.map((character) => `%REQ(a${character}b)%`), "%REQ(?)%", "%REQ(:path?)%"];
const odd = [
  "100%",
  "%%%",
  "%REQ(:)%",
  "%REQ(a?:)%",
  "%NOPE%",
  "%protocol%",
  "%REQ(x)",
  "%FILTER_STATE(:)%",
  "%FILTER_STATE(x:FOO)%",
];

describe("a real Envoy", () => {
  it("takes every format that the model lets through, for logs and for headers", async () => {
    const good = [...everyForm, ...headers].filter((format) => commandFault(format) === undefined);
    assert.ok(good.length > COMMANDS.length);
    const { accepted, output } = await validateText(bootstrap(good), envoyFromEnvironment());
    assert.ok(accepted, output);
  });

  const bad = [...headers, ...odd].filter((format) => commandFault(format) !== undefined && !ON_PURPOSE.test(format));
  for (const format of bad) {
    it(`refuses ${format}, as the model does`, async () => {
      const { accepted } = await validateText(bootstrap([format]), envoyFromEnvironment());
      assert.equal(accepted, false);
    });
  }
});

function bootstrap(formats: readonly string[]): string {
  const type = (name: string) => `type.googleapis.com/envoy.extensions.${name}`;
  const manager = {
    "@type": type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "test",
    access_log: formats.map((format) => ({
      name: "envoy.access_loggers.stdout",
      typed_config: {
        "@type": type("access_loggers.stream.v3.StdoutAccessLog"),
        log_format: { json_format: { nested: [{ value: format, number: 1.5, flag: true, nothing: null }] } },
      },
    })),
    route_config: {
      virtual_hosts: [
        {
          name: "all",
          domains: ["*"],
          response_headers_to_add: formats.map((value) => ({ header: { key: "x-test", value } })),
        },
      ],
    },
    http_filters: [{ name: "router", typed_config: { "@type": type("filters.http.router.v3.Router") } }],
  };
  const address = { socket_address: { address: "127.0.0.1", port_value: 1 } };
  const filters = [{ name: "http", typed_config: manager }];
  return JSON.stringify({ static_resources: { listeners: [{ name: "l", address, filter_chains: [{ filters }] }] } });
}
