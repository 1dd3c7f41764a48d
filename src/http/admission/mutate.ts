/**
 * The injecting webhook: asks the pure rules, and makes what a new pod's proxy starts from.
 *
 * @module
 */
import type { Hono } from "hono";
import type { ProxyIdentity } from "../../core/base/identity.ts";
import {
  type BootstrapSecret,
  buildBootstrapSecret,
  type ProxyCredential,
} from "../../core/inject/bootstrap-secret.ts";
import type { InjectionOutcome, InjectionRequest } from "../../core/inject/outcome.ts";
import { injectSidecar } from "../../core/inject/patch.ts";
import type { InjectSettings } from "../../core/inject/settings.ts";
import type { MeshConfig } from "../../core/model/mesh-config.ts";
import type { Observe } from "./observation.ts";
import type { Review, Verdict } from "./review.ts";
import { type Decision, webhookRoutes } from "./webhook.ts";

const MUTATE_PATH = "/mutate-pod-creation";

export interface InjectionDeps {
  settings(): InjectSettings;
  meshConfig(): MeshConfig;
  /** undefined: there is none. May ask the API server about one that is too new to be known. */
  readNamespace(
    name: string,
    signal: AbortSignal,
  ): InjectionRequest["namespace"] | undefined | Promise<InjectionRequest["namespace"] | undefined>;
  /** A random UUID, in lower case. */
  newUuid(): string;
  /** @throws Error if the identity cannot have a certificate, or the authority could not be asked. */
  issueProxyCredential(proxy: ProxyIdentity, signal: AbortSignal): Promise<ProxyCredential>;
  /** Resolves when the API server has stored it: the pod must not start before. */
  writeBootstrap(secret: BootstrapSecret, signal: AbortSignal): Promise<void>;
  readonly observe: Observe;
}

type Injected = Extract<InjectionOutcome, { readonly kind: "inject" }>;

export function mutateRoutes(deps: InjectionDeps): Hono {
  return webhookRoutes({
    name: "mutate",
    path: MUTATE_PATH,
    observe: deps.observe,
    decide: (review, signal) => decide(deps, review, signal),
  });
}

async function decide(deps: InjectionDeps, review: Review, signal: AbortSignal): Promise<Decision> {
  const { group, kind } = review.kind;
  if (group !== "" || kind !== "Pod") return refused("unknown", `osm injects pods only, and this is ${kind}`);
  // Only its creation can give a pod containers.
  if (review.operation !== "CREATE" || review.subResource !== "") return skipped("it is not the creation of a pod", []);
  const namespace = await deps.readNamespace(review.namespace, signal);
  if (namespace === undefined)
    return refused("Pod", `namespace "${review.namespace}" is not known to osm (yet): try again`);

  const uuid = deps.newUuid();
  const settings = deps.settings();
  const request = { pod: review.object, namespace, mesh: deps.meshConfig(), settings, uuid };
  const outcome = injectSidecar(request);
  switch (outcome.kind) {
    case "refuse":
      return refused("Pod", outcome.reason);
    case "skip":
      return skipped(outcome.reason, outcome.warnings);
    case "inject":
      if (!review.dryRun) await prepareProxy(deps, request, { outcome, signal });
      return injected(outcome);
  }
}

async function prepareProxy(
  deps: InjectionDeps,
  { namespace, mesh, settings, uuid }: InjectionRequest,
  { outcome: { start }, signal }: { readonly outcome: Injected; readonly signal: AbortSignal },
): Promise<void> {
  const proxy = { uuid, serviceAccount: { namespace: namespace.name, name: start.serviceAccount } };
  const credential = await deps.issueProxyCredential(proxy, signal);
  // An answer that comes too late lets no pod in, so nothing is stored for it.
  signal.throwIfAborted();
  await deps.writeBootstrap(buildBootstrapSecret({ proxy, credential, start, mesh, settings }), signal);
}

function injected({ patch, warnings }: Injected): Decision {
  const verdict: Verdict = { allowed: true, patch, warnings, audit: { sidecar: "injected" } };
  return { verdict, kind: "Pod", outcome: "injected", reason: "" };
}

function skipped(reason: string, warnings: readonly string[]): Decision {
  const verdict: Verdict = { allowed: true, warnings, audit: { sidecar: `not injected: ${reason}` } };
  return { verdict, kind: "Pod", outcome: "skipped", reason };
}

function refused(kind: string, reason: string): Decision {
  return { verdict: { allowed: false, code: 403, message: reason }, kind, outcome: "refused", reason };
}
