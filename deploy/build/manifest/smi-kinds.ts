/**
 * The kinds of the Service Mesh Interface, with the versions that OSM declared and did not serve.
 *
 * @module
 */
import type { Column, Resource, Version } from "./crd.ts";
import { choice, list, object, type Schema, says, text, textMap, whole } from "./schema.ts";

const IDENTITY = object({ kind: text(), name: text(), namespace: text() }, ["kind", "name"]);
const METHODS = ["*", "GET", "HEAD", "PUT", "POST", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const NUMBER: Schema = { type: "number" };

function rules(kinds: readonly string[]): Schema {
  return list(object({ kind: choice(kinds), name: text(), matches: list(text()) }, ["kind", "name"]));
}

const TARGET = object(
  {
    destination: says("A ServiceAccount; its namespace is the TrafficTarget's.", IDENTITY),
    sources: says("ServiceAccounts that may call it.", list(IDENTITY)),
    rules: says("What of it they may call.", rules(["HTTPRouteGroup", "TCPRoute", "UDPRoute"])),
  },
  ["destination", "rules", "sources"],
);

const OLD_RULES = rules(["HTTPRouteGroup", "TCPRoute"]);
const PORT_IDENTITY = { kind: text(), name: text(), namespace: text(), port: NUMBER };
const TARGET_V1ALPHA2 = object(
  { destination: object(PORT_IDENTITY, ["kind", "name"]), sources: list(IDENTITY), rules: OLD_RULES },
  ["destination"],
);
const TARGET_V1ALPHA1 = object(
  { destination: object(PORT_IDENTITY, ["kind", "name", "port"]), sources: list(IDENTITY), specs: OLD_RULES },
  ["destination"],
);

const ROUTES = object(
  {
    matches: list(
      object(
        {
          name: text(),
          pathRegex: text("RE2; matches the whole path."),
          methods: list(choice(METHODS)),
          headers: says("RE2 patterns by header.", list(textMap())),
        },
        ["name"],
      ),
    ),
  },
  ["matches"],
);

const TCP_ROUTE = object(
  { matches: object({ name: text(), ports: says("Target ports.", list(whole())) }, ["ports"]) },
  ["matches"],
);

const SPLIT_FIELDS = {
  service: text("The root: a Service of this namespace, by its short name, name.namespace or full name."),
  backends: list(object({ service: text(), weight: NUMBER }, ["service", "weight"])),
};
const SPLIT = object(SPLIT_FIELDS, ["service", "backends"]);
const SPLIT_WITH_MATCHES = object(
  { ...SPLIT_FIELDS, matches: list(object({ kind: choice(["HTTPRouteGroup"]), name: text() }, ["kind", "name"])) },
  ["service", "backends"],
);
const SPLIT_COLUMNS: readonly Column[] = [
  { name: "Service", type: "string", jsonPath: ".spec.service", description: "The root of the split." },
];

export const SMI_KINDS: readonly Resource[] = [
  {
    group: "access.smi-spec.io",
    kind: "TrafficTarget",
    plural: "traffictargets",
    short: "tt",
    versions: [
      stored("v1alpha3", "Who may call whom, and what of it.", TARGET),
      unserved("v1alpha2", object({ spec: TARGET_V1ALPHA2 })),
      unserved("v1alpha1", TARGET_V1ALPHA1),
    ],
  },
  {
    group: "specs.smi-spec.io",
    kind: "HTTPRouteGroup",
    plural: "httproutegroups",
    short: "htr",
    versions: [
      stored("v1alpha4", "Named kinds of HTTP requests.", ROUTES),
      unserved("v1alpha3", object({ spec: ROUTES })),
      unserved("v1alpha2", ROUTES),
      unserved("v1alpha1", ROUTES),
    ],
  },
  {
    group: "specs.smi-spec.io",
    kind: "TCPRoute",
    plural: "tcproutes",
    short: "tr",
    versions: [stored("v1alpha4", "Ports that a TrafficTarget opens.", TCP_ROUTE)],
  },
  {
    group: "split.smi-spec.io",
    kind: "TrafficSplit",
    plural: "trafficsplits",
    short: "ts",
    versions: [
      { ...unserved("v1alpha4", object({ spec: SPLIT_WITH_MATCHES })), columns: SPLIT_COLUMNS },
      { ...unserved("v1alpha3", object({ spec: SPLIT_WITH_MATCHES })), columns: SPLIT_COLUMNS },
      { ...stored("v1alpha2", "Shares of a Service's traffic for other Services.", SPLIT), columns: SPLIT_COLUMNS },
    ],
  },
];

function stored(name: string, description: string, spec: Schema): Version {
  return { name, storage: true, schema: says(description, object({ spec })) };
}

function unserved(name: string, schema: Schema): Version {
  return { name, served: false, schema };
}
