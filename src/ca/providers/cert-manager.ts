/**
 * cert-manager: a CertificateRequest for each leaf, answered by the issuer that it names, and deleted after.
 *
 * @see https://cert-manager.io/docs/usage/certificaterequest/
 *
 * @module
 */
import * as v from "valibot";
import type { Millis } from "../../core/base/millis.ts";
import type { Clock } from "../clock.ts";
import type { ChainRequest } from "../provider.ts";
import { IssueRefused } from "../refusal.ts";
import type { RemoteSigner, SignedAnswer } from "./remote.ts";
import { ProviderUnavailable } from "./unavailable.ts";

/** OSM's. */
const DEADLINE: Millis = 60_000;
const FIRST_WAIT: Millis = 50;
const MOST_WAIT: Millis = 1000;
const SWEEP_EVERY: Millis = 3_600_000;
/** Older requests of ours were left behind by a process that was killed, or whose answer was lost. */
const LEFT_BEHIND: Millis = 10 * 60_000;
const GROUP_PATH = "/apis/cert-manager.io/v1";
const LABELS = { "app.kubernetes.io/name": "openservicemesh.io", "app.kubernetes.io/component": "osm-certificate" };

/** What is needed of the API server's client. Rejects with an error that has the HTTP `status`, 0 without an answer. */
export interface ClusterApi {
  request(request: {
    readonly method?: "GET" | "POST" | "DELETE";
    readonly path: string;
    readonly query?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  }): Promise<unknown>;
}

export interface IssuerRef {
  readonly issuerName: string;
  /** `Issuer` or `ClusterIssuer`, or a kind of somebody else's group. */
  readonly issuerKind: string;
  readonly issuerGroup: string;
}

export interface CertManagerOptions {
  readonly api: ClusterApi;
  /** Where requests are made: an Issuer must be there. */
  readonly namespace: string;
  readonly issuer: IssuerRef;
  readonly clock: Clock;
  /** Must not throw. */
  readonly onWarning: (message: string) => void;
  readonly deadline?: Millis;
}

const Named = v.looseObject({ metadata: v.looseObject({ name: v.string() }) });
const Condition = v.looseObject({
  type: v.string(),
  status: v.string(),
  reason: v.optional(v.string(), ""),
  message: v.optional(v.string(), ""),
});
const Request = v.looseObject({
  status: v.optional(
    v.looseObject({
      conditions: v.nullish(v.array(Condition), []),
      certificate: v.optional(v.string(), ""),
      ca: v.optional(v.string(), ""),
    }),
    {},
  ),
});
const Listed = v.looseObject({
  items: v.array(v.looseObject({ metadata: v.looseObject({ name: v.string(), creationTimestamp: v.string() }) })),
});

export function certManagerSigner(options: CertManagerOptions): RemoteSigner {
  const { api, namespace, issuer, clock, onWarning, deadline = DEADLINE } = options;
  const collection = `${GROUP_PATH}/namespaces/${namespace}/certificaterequests`;
  const what = `cert-manager's ${issuer.issuerKind} "${issuer.issuerName}"`;
  let sweptAt = Number.NEGATIVE_INFINITY;
  let closed = false;

  async function waitFor(path: string): Promise<SignedAnswer> {
    const end = clock.now() + deadline;
    let last = "it set no condition";
    for (let wait = FIRST_WAIT; ; wait = Math.min(MOST_WAIT, wait * 1.5)) {
      await new Promise<void>((resolve) => clock.schedule(clock.now() + wait, resolve));
      const { status } = v.parse(Request, await called(what, () => api.request({ path })));
      const outcome = outcomeOf(what, issuer, status);
      if (outcome.kind === "signed") return outcome.answer;
      last = outcome.told;
      if (clock.now() >= end || closed) throw timedOut(what, issuer, deadline, last);
    }
  }

  async function remove(path: string): Promise<void> {
    await api.request({ method: "DELETE", path }).catch((cause: unknown) => {
      if (statusOf(cause) !== 404) onWarning(`a CertificateRequest stays until it is deleted: ${path}: ${cause}`);
    });
  }

  async function sweep(): Promise<void> {
    if (clock.now() < sweptAt + SWEEP_EVERY) return;
    sweptAt = clock.now();
    const labelSelector = Object.entries(LABELS)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const { items } = v.parse(
      Listed,
      await called(what, () => api.request({ path: collection, query: { labelSelector } })),
    );
    const old = items.filter(({ metadata }) => Date.parse(metadata.creationTimestamp) < clock.now() - LEFT_BEHIND);
    for (const { metadata } of old) await remove(`${collection}/${metadata.name}`);
  }

  return {
    name: "cert-manager",
    what,
    chainWayOut:
      "let the issuer give its root: a CA issuer's Secret needs the whole chain in tls.crt, or the root in ca.crt",
    async sign(request: ChainRequest, life: Millis): Promise<SignedAnswer> {
      await sweep();
      const body = await manifest(request, life, issuer);
      const made = await called(what, () => api.request({ method: "POST", path: collection, body }));
      const path = `${collection}/${v.parse(Named, made).metadata.name}`;
      try {
        return await waitFor(path);
      } finally {
        await remove(path);
      }
    },
    moreIssuers: () => Promise.resolve([]),
    close() {
      closed = true;
    },
  };
}

async function manifest(request: ChainRequest, life: Millis, issuer: IssuerRef): Promise<unknown> {
  const rsa = request.publicKey.algorithm.name !== "ECDSA";
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "CertificateRequest",
    metadata: { generateName: "osm-", labels: LABELS },
    spec: {
      request: btoa(await request.csr()),
      duration: `${Math.max(1, Math.floor(life / 1000))}s`,
      isCA: false,
      issuerRef: { name: issuer.issuerName, kind: issuer.issuerKind, group: issuer.issuerGroup },
      // OSM asked for neither of the last two, and issuers gave what they liked.
      usages: ["digital signature", ...(rsa ? ["key encipherment"] : []), "server auth", "client auth"],
    },
  };
}

type Told = v.InferOutput<typeof Condition>;
type Status = v.InferOutput<typeof Request>["status"];
type Outcome =
  | { readonly kind: "signed"; readonly answer: SignedAnswer }
  /** `told`: what is known of why it takes its time. */
  | { readonly kind: "pending"; readonly told: string };

function outcomeOf(provider: string, issuer: IssuerRef, status: Status): Outcome {
  const conditions = status.conditions ?? [];
  const is = (type: string) => conditions.find((one) => one.type === type && one.status === "True");
  const ready = conditions.find(({ type }) => type === "Ready");
  const refusal = refusalIn({ provider, issuer, ready, denied: is("Denied"), invalid: is("InvalidRequest") });
  if (refusal !== undefined) throw refusal;
  if (ready?.status === "True" && status.certificate !== "") {
    const [certificate, ca] = [status.certificate, status.ca].map((text) => textOf(provider, text));
    return { kind: "signed", answer: { certificate: certificate ?? "", issuers: [ca ?? ""] } };
  }
  if (is("Approved") === undefined) return { kind: "pending", told: "nobody has approved the request" };
  return { kind: "pending", told: ready === undefined ? "it set no condition" : said(ready) };
}

interface Conditions {
  readonly provider: string;
  readonly issuer: IssuerRef;
  readonly ready: Told | undefined;
  readonly denied: Told | undefined;
  readonly invalid: Told | undefined;
}

function refusalIn({ provider, issuer, ready, denied, invalid }: Conditions): Error | undefined {
  if (denied !== undefined || ready?.reason === "Denied") {
    const detail = `the request was denied: ${said(denied ?? ready)}`;
    const wayOut = "let the approver (cert-manager's own, or approver-policy) approve requests of the mesh's namespace";
    return new ProviderUnavailable({ provider, kind: "denied", detail, wayOut });
  }
  if (invalid !== undefined) {
    const wayOut = "let the issuer allow these names";
    return new IssueRefused({ kind: "provider-refused", provider, detail: said(invalid), wayOut });
  }
  if (ready?.reason !== "Failed") return undefined;
  const detail = `the request failed: ${said(ready)}`;
  return new ProviderUnavailable({ provider, kind: "failed", detail, wayOut: lookAt(issuer) });
}

function textOf(provider: string, base64: string): string {
  try {
    return atob(base64);
  } catch (cause) {
    const told = { detail: "its answer is not base64", wayOut: "look at its log" };
    throw new ProviderUnavailable({ provider, kind: "unusable", ...told }, { cause });
  }
}

function timedOut(provider: string, issuer: IssuerRef, deadline: Millis, last: string): ProviderUnavailable {
  const detail = `the request was not answered within ${deadline / 1000} s: ${last}`;
  return new ProviderUnavailable({ provider, kind: "timeout", detail, wayOut: lookAt(issuer) });
}

/** Every failure of the API server, so that it counts as an outage and is asked again. */
async function called<T>(provider: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const status = statusOf(cause);
    const detail = String(cause instanceof Error ? cause.message : cause).slice(0, MOST_SAID);
    const [kind, wayOut] =
      status === 404
        ? (["mount-missing", "install cert-manager and its CRDs"] as const)
        : status === 403
          ? ([
              "permission-denied",
              "allow create, get, list and delete of certificaterequests.cert-manager.io",
            ] as const)
          : (["unreachable", "see why the API server, or cert-manager's webhook, does not take it"] as const);
    throw new ProviderUnavailable({ provider, kind, detail, wayOut }, { cause });
  }
}

const MOST_SAID = 300;

function said(condition: Told | undefined): string {
  const { reason = "", message = "" } = condition ?? {};
  return (message === "" ? reason : message).replace(/\s+/g, " ").slice(0, MOST_SAID);
}

function lookAt({ issuerName, issuerKind }: IssuerRef): string {
  return `look at the issuer: kubectl describe ${issuerKind.toLowerCase()} ${issuerName}`;
}

function statusOf(cause: unknown): number | undefined {
  return typeof cause === "object" && cause !== null && "status" in cause && typeof cause.status === "number"
    ? cause.status
    : undefined;
}
