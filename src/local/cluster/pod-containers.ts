/**
 * Joins a container of a manifest, or the sidecar, to the sandbox that it runs in.
 *
 * @module
 */
import type { Millis } from "../../core/base/millis.ts";
import { workloadOf } from "../../core/base/workload.ts";
import { workloadVariables } from "../../core/inject/sidecar-container.ts";
import type { Container, PodSpec } from "../../core/model/pod-spec.ts";
import type { Probe } from "../../core/model/probe.ts";
import type { Clock } from "../../engine/clock.ts";
import type { PodSandbox } from "../runtime/ports.ts";
import { ContainerRunner } from "./container-runner.ts";
import { buildCommand, buildEnvironment, type PodFacts } from "./environment.ts";
import { toProbeAction } from "./probe-action.ts";
import type { ProbeRole } from "./probe-state.ts";

/** The sidecar's name in `logs -c` and `exec -c`. */
export const SIDECAR = "envoy";
/** Envoy ends at once on SIGTERM; nothing of it is worth waiting for. */
export const SIDECAR_GRACE: Millis = 1000;

/** What a meshed pod has beyond its containers. */
export interface SidecarPlan {
  readonly files: Readonly<Record<string, string>>;
  readonly redirection: string;
  readonly serviceCluster: string;
  readonly logLevel: string;
}

export interface PodContainer {
  readonly runner: ContainerRunner;
  /** False if the container names no command: there is nothing to start. */
  readonly runs: boolean;
  readonly warnings: readonly string[];
}

interface Place {
  readonly sandbox: PodSandbox;
  readonly facts: PodFacts;
  readonly clock: Clock;
  onChange(): void;
}

export function buildContainer({
  container,
  spec,
  sandbox,
  facts,
  clock,
  onChange,
}: Place & { readonly container: Container; readonly spec: PodSpec }): PodContainer {
  const { env, warnings } = buildEnvironment(container.env, facts);
  const argv = buildCommand(container, env);
  const { runAsUser: uid, workingDir: cwd } = container;
  const process = { env, ...(uid === undefined ? {} : { uid }), ...(cwd === "" ? {} : { cwd }) };
  const runner = new ContainerRunner({
    name: container.name,
    restart: restartOf(container, spec),
    grace: spec.terminationGracePeriodSeconds * 1000,
    probes: probesOf(container),
    clock,
    run: () => sandbox.run({ ...process, argv, log: container.name }),
    perform: async (probe, timeout) => {
      const action = toProbeAction(probe.action, container.ports, process);
      return action.ok ? sandbox.probe(action.value, timeout) : { ok: false, detail: action.reason };
    },
    onChange,
  });
  return { runner, runs: argv.length > 0, warnings: warnings.map((text) => `container ${container.name}: ${text}`) };
}

export function buildSidecar({
  plan,
  sandbox,
  facts,
  clock,
  onChange,
}: Place & { readonly plan: SidecarPlan }): ContainerRunner {
  const env = {
    POD_UID: facts.uid,
    POD_NAME: facts.name,
    POD_NAMESPACE: facts.namespace,
    POD_IP: facts.ip,
    SERVICE_ACCOUNT: facts.serviceAccount,
    ...workloadVariables(workloadOf(facts.workload)),
  };
  return new ContainerRunner({
    name: SIDECAR,
    restart: "Always",
    grace: SIDECAR_GRACE,
    probes: {},
    clock,
    run: () => sandbox.runEnvoy({ serviceCluster: plan.serviceCluster, logLevel: plan.logLevel, env }),
    perform: () => Promise.resolve({ ok: true, detail: "" }),
    onChange,
  });
}

/** What the manifest asks for and does not get. */
export function volumeWarnings({ initContainers, containers }: PodSpec): readonly string[] {
  return [...initContainers, ...containers].flatMap(({ name, volumeMounts }) =>
    volumeMounts.map(
      (mount) =>
        `container ${name}: nothing is mounted at ${mount.mountPath}: osm local has no volumes (${mount.name})`,
    ),
  );
}

// An init container has to succeed, so `Always` means "until it does".
function restartOf(container: Container, { restartPolicy, initContainers }: PodSpec): "Always" | "OnFailure" | "Never" {
  if (container.restartPolicy !== undefined) return container.restartPolicy;
  return initContainers.includes(container) && restartPolicy === "Always" ? "OnFailure" : restartPolicy;
}

function probesOf({ startup, readiness, liveness }: Container): Partial<Record<ProbeRole, Probe>> {
  return {
    ...(startup === undefined ? {} : { startup }),
    ...(readiness === undefined ? {} : { readiness }),
    ...(liveness === undefined ? {} : { liveness }),
  };
}
