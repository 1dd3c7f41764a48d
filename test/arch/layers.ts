/**
 * Who may import whom. This table is the architecture diagram; `layers.test.ts` holds the code to it.
 *
 * A folder may import itself, the folders in `from`, and the packages in `packages`. What is not listed is refused.
 *
 * @module
 */
export interface Layer {
  readonly from: readonly string[];
  readonly packages: readonly string[];
  /** May use `node:` modules. Core may not: it is pure. */
  readonly node?: boolean;
}

const CORE_MODEL = ["core/base", "core/model"];

export const LAYERS: Readonly<Record<string, Layer>> = {
  "core/base": { from: [], packages: [] },
  "core/ir": { from: ["core/base"], packages: [] },
  "core/model": { from: ["core/base"], packages: ["valibot", "re2js"] },
  "core/graph": { from: [...CORE_MODEL, "core/ir"], packages: [] },
  "core/policy": {
    from: [...CORE_MODEL, "core/graph", "core/ir"],
    packages: [],
  },
  "core/envoy": {
    from: ["core/base", "core/ir", "gen"],
    packages: ["@bufbuild/protobuf"],
  },
  "core/inject": { from: [...CORE_MODEL, "core/ir", "core/envoy"], packages: ["valibot"] },

  xds: {
    from: ["gen"],
    packages: ["@bufbuild/protobuf", "@connectrpc/connect", "@connectrpc/connect-node"],
    node: true,
  },
  ca: {
    from: ["core/base"],
    packages: ["pkijs", "asn1js", "valibot"],
    node: true,
  },

  rotation: { from: ["core/base", "ca"], packages: ["valibot"] },
  engine: {
    from: ["core/base", "core/ir", "core/model", "core/graph", "core/policy", "core/envoy", "xds", "ca"],
    packages: [],
  },
  sources: {
    from: ["core/base", "core/model", "engine"],
    packages: ["@kubernetes/client-node", "yaml"],
    node: true,
  },
  telemetry: { from: ["core/base"], packages: ["prom-client"], node: true },
  platform: {
    from: ["core/base"],
    packages: ["@connectrpc/connect", "@connectrpc/connect-node", "@hono/node-server"],
    node: true,
  },
  http: {
    from: ["core/base", "core/model", "core/graph", "core/inject", "engine"],
    packages: ["@valibot/to-json-schema", "hono", "valibot"],
  },
  local: {
    from: ["core/base", "core/model", "core/inject", "core/envoy", "ca", "engine", "sources", "platform", "telemetry"],
    packages: ["dns-packet", "hono", "valibot", "yaml"],
    node: true,
  },
  demo: {
    from: ["core/base", "platform"],
    packages: ["@hono/node-server", "cli-table3", "hono", "log-update", "valibot", "ws"],
    node: true,
  },
  cluster: {
    from: ["core/base", "core/graph", "core/inject", "core/model", "ca", "rotation", "sources"],
    packages: [],
  },
  cli: {
    from: ["core/base", "core/model", "demo", "engine", "local", "platform", "sources", "telemetry"],
    packages: ["commander", "yaml", "hono", "valibot"],
    node: true,
  },
  app: { from: ["*"], packages: ["*"], node: true },
};
