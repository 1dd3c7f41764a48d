/**
 * `osm certificate …`: who is vouched for, and the change of the mesh's root.
 *
 * @module
 */
import { Command, Option } from "commander";
import * as v from "valibot";
import { type ApiFlags, apiClient, apiOptions } from "./api-client.ts";
import { Certificates, Identity, RotationAnswer } from "./certificate-answers.ts";
import { alphaRotateCommand, forgetRoot, rotateCommand, rotationLines } from "./certificate-rotate.ts";
import { ageText, tableLines } from "./table.ts";

interface OutputFlags extends ApiFlags {
  readonly output: "text" | "json" | "pem";
}

const PEM = "application/pem-certificate-chain";

export function certificateCommand(): Command {
  return new Command("certificate")
    .alias("cert")
    .description("certificates of the mesh, and the change of its root")
    .enablePositionalOptions()
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(statusCommand())
    .addCommand(rotateCommand())
    .addCommand(leverCommand("rollback", "go back to the old root, for as long as it was not dropped"))
    .addCommand(leverCommand("finish", "do not wait for proxies that are not connected"))
    .addCommand(forgetCommand());
}

/** `osm alpha …`: OSM's names of what has a name of its own by now. */
export function alphaCommand(): Command {
  const certificate = new Command("certificate").description("manage certificates").addCommand(alphaRotateCommand());
  return new Command("alpha").description("OSM's spelling of `osm certificate rotate`").addCommand(certificate);
}

function withApi(command: Command): Command {
  for (const option of apiOptions()) command.addOption(option);
  return command;
}

function outputOption(choices: readonly string[]): Option {
  return new Option("-o, --output <form>", "how to show it").choices([...choices]).default("text");
}

function listCommand(): Command {
  return withApi(new Command("list"))
    .description("who signs, the roots, and the certificate of each identity")
    .addOption(outputOption(["text", "json", "pem"]))
    .action(async ({ output, ...flags }: OutputFlags) => {
      const client = apiClient(flags);
      if (output === "pem") return print(await client.text("/api/v1/certificates", PEM));
      const answer = await client.get("/api/v1/certificates");
      print(output === "json" ? jsonText(answer) : listLines(v.parse(Certificates, answer), Date.now()).join("\n"));
    });
}

function showCommand(): Command {
  return withApi(new Command("show"))
    .description("the certificate of one identity")
    .argument("<namespace/account>", "its service account")
    .addOption(outputOption(["text", "json", "pem"]))
    .action(async (account: string, { output, ...flags }: OutputFlags) => {
      const [namespace = "", name = "", more] = account.split("/");
      if (namespace === "" || name === "" || more !== undefined)
        throw new Error(`"${account}" is no identity: write NAMESPACE/SERVICEACCOUNT`);
      const path = `/api/v1/certificates/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
      const client = apiClient(flags);
      if (output === "pem") return print(await client.text(path, PEM));
      const answer = await client.get(path);
      print(output === "json" ? jsonText(answer) : showLines(v.parse(Identity, answer)).join("\n"));
    });
}

function statusCommand(): Command {
  return withApi(new Command("status"))
    .description("how far the change of the root is, and who holds it back")
    .addOption(outputOption(["text", "json"]))
    .action(async ({ output, ...flags }: OutputFlags) => {
      const answer = await apiClient(flags).get("/api/v1/rotation");
      print(output === "json" ? jsonText(answer) : rotationLines(v.parse(RotationAnswer, answer)).join("\n"));
    });
}

function leverCommand(lever: "rollback" | "finish", description: string): Command {
  return withApi(new Command(lever))
    .description(description)
    .action(async (flags: ApiFlags) => {
      const answer = await apiClient(flags).post(`/api/v1/rotation/${lever}`, {});
      print(rotationLines(v.parse(RotationAnswer, answer)).join("\n"));
    });
}

function forgetCommand(): Command {
  return withApi(new Command("forget"))
    .description("delete what is left of a root that the mesh does not use any more, with its key")
    .argument("<root>", "its name, as `status` had it, or that of its MeshRootCertificate")
    .action((root: string, flags: ApiFlags) => forgetRoot(apiClient(flags), root));
}

export function listLines(
  { replicas, providers, roots, intermediates, identities }: Certificates,
  now: number,
): readonly string[] {
  return [
    ...replicaLines(replicas),
    ...tableLines(
      ["PROVIDER", "SIGNS", "STATE"],
      providers.map(({ name, signing, outage }) => [name, signing ? "yes" : "no", stateText(outage)]),
    ),
    "",
    ...tableLines(
      ["ROOT", "SUBJECT", "KEY", "SIGNS", "ENDS IN"],
      roots.map(({ fingerprint, subject, keyAlgorithm, signing, notAfter }) => [
        fingerprint.slice(0, SHORT),
        subject,
        keyAlgorithm,
        signing ? "yes" : "no",
        endText(notAfter, now),
      ]),
    ),
    "",
    ...intermediateLines(intermediates, now),
    ...tableLines(
      ["NAMESPACE", "ACCOUNT", "SERIAL", "ROOT", "ENDS IN", "HELD BY"],
      identities.map(({ namespace, serviceAccount, serial, root, notAfter, heldBy }) => [
        namespace,
        serviceAccount,
        serial.slice(0, SHORT),
        root.slice(0, SHORT),
        endText(notAfter, now),
        `${heldBy.length}`,
      ]),
    ),
  ];
}

/** Proxies are connected to one replica each, so that none of several knows of all of them. */
function replicaLines(replicas: Certificates["replicas"]): readonly string[] {
  const self = replicas.find((one) => one.self)?.name;
  const others = replicas.filter((one) => !one.self).map(({ name }) => name);
  if (self === undefined || others.length === 0) return [];
  return [
    `As replica ${self} sees it: HELD BY counts the proxies that are connected to it. There are also: ${others.join(", ")}`,
    "",
  ];
}

/** Most meshes have none. */
function intermediateLines(intermediates: Certificates["intermediates"], now: number): readonly string[] {
  if (intermediates.length === 0) return [];
  const rows = intermediates.map(({ fingerprint, subject, root, notAfter }) => [
    fingerprint.slice(0, SHORT),
    subject,
    root.slice(0, SHORT),
    endText(notAfter, now),
  ]);
  return [...tableLines(["INTERMEDIATE", "SUBJECT", "ROOT", "ENDS IN"], rows), ""];
}

function stateText(outage: Certificates["providers"][number]["outage"]): string {
  return outage === undefined ? "ok" : `gives no certificates for ${ageText(outage.seconds * 1000)} (${outage.kind})`;
}

/** Digits of a serial number or fingerprint that a table has room for. */
const SHORT = 16;

function showLines(identity: Identity): readonly string[] {
  return [
    ["identity", `${identity.namespace}/${identity.serviceAccount}`],
    ["serial", identity.serial],
    ["subject", identity.subject],
    ["issuer", identity.issuer],
    ["DNS names", identity.dnsNames.join(", ")],
    ["URIs", identity.uris.join(", ")],
    ["not before", identity.notBefore],
    ["not after", identity.notAfter],
    ["key", identity.keyAlgorithm],
    ["fingerprint", identity.fingerprint],
    ["root", identity.root],
    ["held by", identity.heldBy.join(", ")],
  ].map(([name = "", value = ""]) => `${name.padEnd(12)} ${value}`.trimEnd());
}

function endText(notAfter: string, now: number): string {
  const seconds = Math.floor((Date.parse(notAfter) - now) / 1000);
  if (seconds <= 0) return "ended";
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

function jsonText(answer: unknown): string {
  return JSON.stringify(answer, undefined, 2);
}

function print(text: string): void {
  console.log(text.trimEnd());
}
