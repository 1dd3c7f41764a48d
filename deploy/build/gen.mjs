/**
 * Makes `gen/` from Envoy's protos: `npm run gen`. Plain Node, so that it runs on what a fresh clone has.
 *
 * The protos come with an npm package; nothing of them and nothing of what is made here is committed.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const DEPS = "node_modules/@grpc/grpc-js-xds/deps";
const MENDED = "dist/protos/protoc-gen-validate";

/** What the renderer and the protocol use; imports come along by themselves. */
const WANTED = [
  "envoy/service/discovery/v3",
  "envoy/config/bootstrap/v3",
  "envoy/config/cluster/v3",
  "envoy/config/core/v3",
  "envoy/config/endpoint/v3",
  "envoy/config/listener/v3",
  "envoy/config/route/v3",
  "envoy/config/rbac/v3",
  "envoy/config/accesslog/v3",
  "envoy/extensions/access_loggers/stream/v3",
  "envoy/extensions/filters/http/health_check/v3",
  "envoy/extensions/filters/http/local_ratelimit/v3",
  "envoy/extensions/filters/http/rbac/v3",
  "envoy/extensions/filters/http/router/v3",
  "envoy/extensions/filters/listener/http_inspector/v3",
  "envoy/extensions/filters/listener/original_dst/v3",
  "envoy/extensions/filters/listener/tls_inspector/v3",
  "envoy/extensions/filters/network/http_connection_manager/v3",
  "envoy/extensions/filters/network/rbac/v3",
  "envoy/extensions/filters/network/tcp_proxy/v3",
  "envoy/extensions/transport_sockets/tls/v3",
  "envoy/extensions/upstreams/http/v3",
  "envoy/service/auth/v3",
  "envoy/service/ratelimit/v3",
  "envoy/config/trace/v3/zipkin.proto",
  "envoy/extensions/filters/http/ext_authz/v3",
  "envoy/extensions/filters/http/ratelimit/v3",
  "envoy/extensions/filters/network/local_ratelimit/v3",
  "envoy/extensions/filters/network/ratelimit/v3",
  "envoy/extensions/formatter/req_without_query/v3",
  "envoy/extensions/retry/host/previous_hosts/v3",
];

/** Envoy's files use one field rule that the shipped `validate.proto` is too old to know. */
function mendValidateProto() {
  rmSync(MENDED, { recursive: true, force: true });
  mkdirSync(`${MENDED}/validate`, { recursive: true });
  const proto = readFileSync(`${DEPS}/protoc-gen-validate/validate/validate.proto`, "utf8");
  const opening = /message StringRules \{\r?\n/;
  const found = opening.exec(proto);
  if (found === null)
    throw new Error("validate.proto has no StringRules message: the proto package changed, look at its rules");
  const alreadyThere = proto.slice(found.index).split("\n}")[0]?.includes("ignore_empty");
  const mended = alreadyThere ? proto : proto.replace(opening, `${found[0]}    optional bool ignore_empty = 26;\n`);
  writeFileSync(`${MENDED}/validate/validate.proto`, mended);
}

function clearGenerated() {
  for (const entry of readdirSync("gen")) {
    if (entry !== "README.md") rmSync(`gen/${entry}`, { recursive: true, force: true });
  }
}

function generate() {
  const template = {
    version: "v2",
    clean: false,
    plugins: [
      {
        local: "node_modules/.bin/protoc-gen-es",
        out: "gen",
        include_imports: true,
        opt: ["target=ts", "import_extension=ts", "erasable_syntax=true"],
      },
    ],
  };
  // Extensions whose own protos need files that the package lacks go in as structs by type URL.
  const wanted = [...WANTED.map((path) => `${DEPS}/envoy-api/${path}`), `${DEPS}/xds/xds/type/v3/typed_struct.proto`];
  const paths = wanted.flatMap((path) => ["--path", path]);
  execFileSync("node_modules/.bin/buf", ["generate", "--template", JSON.stringify(template), ...paths], {
    stdio: "inherit",
  });
}

if (!existsSync(DEPS)) throw new Error("the protos are missing: run npm ci first");
mendValidateProto();
clearGenerated();
generate();
