/**
 * A whole control plane under a clock that is moved by hand: its certificates come from another authority, which can be
 * switched off, and its proxies are real xDS clients, which can be made to hang. A new root is of its own.
 *
 * @module
 */
import { createServer } from "node:net";
import { Connection, DeltaStream, eventually } from "../../../test/support/xds-client.ts";
import type { CertificateProvider } from "../../ca/provider.ts";
import { makeRoot, openBuiltin } from "../../ca/providers/builtin.ts";
import { HandClock } from "../../ca/testing/leaf-rig.ts";
import { EventLog } from "../../cluster/testing/event-log.ts";
import { DEFAULT_TRUST_DOMAIN } from "../../core/base/identity.ts";
import { healthRoutes } from "../../http/health.ts";
import { judgeHealth } from "../../http/readiness.ts";
import { type ControlPlane, type ControlPlaneInput, createControlPlane, DEFAULT_MESH } from "../control-plane.ts";
import { metricsOf } from "../metrics.ts";
import type { RotationCompany } from "../rotation.ts";
import { tellOfCertificates } from "../telling.ts";
import { openRotator, SwitchedSigner } from "./switched-authority.ts";

const HOUR = 3_600_000;
const MONITORED = { "openservicemesh.io/monitored-by": "osm" };
/** Of alarms, and of providers. */
const TELLERS = 2;
const SILENT = { info() {}, error() {}, setLevel() {} };

/** What a proxy has of its control plane. */
export interface WorldProxy {
  /** It reads what it is sent and accepts none of it. */
  hang(): void;
  /** Its connection is cut. */
  cut(): Promise<void>;
}

export interface WorldOptions {
  /** Whose certificates the signer gives; a root of its own by default. */
  readonly authority?: (now: () => number) => Promise<CertificateProvider>;
  readonly company?: RotationCompany;
  readonly webhookLeaf?: ControlPlaneInput["webhookLeaf"];
}

export class WatchedWorld {
  readonly clock = new HandClock();
  readonly events = new EventLog();
  readonly signer: SwitchedSigner;
  readonly plane: ControlPlane;
  readonly #port: number;
  readonly #end = new AbortController();
  readonly #waiting = new Set<() => void>();
  /** Accounts whose proxies accept what they are sent. */
  readonly #willing = new Set<string>();
  readonly #connections = new Set<Connection>();
  readonly #telling: Promise<void>;

  static async open(options: WorldOptions = {}): Promise<WatchedWorld> {
    const clock = new HandClock();
    // TLS of real connections looks at the real clock.
    clock.wall = Date.now();
    const now = () => clock.now();
    const authority = options.authority ?? (async () => openBuiltin(await makeRoot({ now: now() }), now));
    const signer = new SwitchedSigner(await authority(now));
    const port = await freePort();
    const plane = await createControlPlane({
      settings: DEFAULT_MESH,
      rotator: await openRotator(signer, clock),
      address: { host: "127.0.0.1", port },
      log: SILENT,
      clock,
      ...(options.company && { company: options.company }),
      ...(options.webhookLeaf && { webhookLeaf: options.webhookLeaf }),
    });
    return new WatchedWorld({ clock, signer, plane, port });
  }

  private constructor(parts: {
    readonly clock: HandClock;
    readonly signer: SwitchedSigner;
    readonly plane: ControlPlane;
    readonly port: number;
  }) {
    const { clock, signer, plane, port } = parts;
    this.clock = clock;
    this.signer = signer;
    this.plane = plane;
    this.#port = port;
    const place = { ...this.events.place(), now: () => clock.now() };
    const pause = (_delay: number, signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        this.#waiting.add(resolve);
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    this.#telling = tellOfCertificates({ place, plane, log: SILENT, pause }, this.#end.signal);
  }

  /** Tells of one pod for each account, and connects its proxy, which accepts all that it is sent. */
  async connect(...accounts: readonly string[]): Promise<readonly WorldProxy[]> {
    const { engine } = this.plane;
    engine.sink.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: MONITORED } });
    for (const one of accounts.flatMap(workloadOf)) engine.sink.apply(one);
    engine.sink.synced();
    await engine.loop.ready;
    await this.plane.listen();
    const proxies: WorldProxy[] = [];
    for (const [i, account] of accounts.entries()) proxies.push(await this.#dial(account, i));
    await eventually(
      () => engine.proxies().filter(({ certificate }) => certificate).length === accounts.length,
      "every proxy has accepted a certificate",
    );
    return proxies;
  }

  /** One more, which says that it holds a certificate of this version. */
  async join(account: string, held: string): Promise<WorldProxy> {
    const { engine } = this.plane;
    const index = engine.proxies().length;
    for (const one of workloadOf(account, index)) engine.sink.apply(one);
    await eventually(() => engine.proxies().length > index, "its pod is known");
    const proxy = await this.#dial(account, index, held);
    await eventually(() => this.plane.leaves.adopted().length > 0, "it goes on with what it holds");
    return proxy;
  }

  /** Lets time pass, with all that is due in it. */
  async pass(hours: number): Promise<void> {
    await eventually(() => this.#waiting.size === TELLERS, "the tellers wait");
    await this.clock.pass(hours * HOUR, async () => {
      await this.plane.leaves.settled();
      await new Promise((resolve) => setImmediate(resolve));
    });
    // The network takes its own time.
    await eventually(() => this.#isAccepted(), "every proxy that neither hangs nor is cut off has what is in force");
    await this.#told();
  }

  /** Of `GET /metrics`: the value of a sample; undefined if there is none. */
  async metric(sample: string): Promise<number | undefined> {
    const lines = (await (await this.#http("/metrics")).text()).split("\n");
    const found = lines.find((line) => line.startsWith(`${sample} `));
    return found === undefined ? undefined : Number(found.slice(sample.length));
  }

  /** Of `GET /health/ready`: its status, reasons and warnings. */
  async health(): Promise<{ readonly status: number; readonly reasons: string; readonly warnings: string }> {
    const answer = await this.#http("/health/ready");
    const { reasons, warnings }: Readonly<Record<string, readonly { readonly message: string }[]>> =
      await answer.json();
    const textOf = (list: typeof reasons) => (list ?? []).map(({ message }) => message).join("\n");
    return { status: answer.status, reasons: textOf(reasons), warnings: textOf(warnings) };
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#telling;
    for (const connection of this.#connections) connection.close();
    await this.plane.stop();
  }

  /** Lets the tellers look once, to the end. */
  async #told(): Promise<void> {
    const allWait = (): Promise<void> => eventually(() => this.#waiting.size === TELLERS, "the tellers wait");
    await allWait();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
    await allWait();
  }

  #isAccepted(): boolean {
    const { engine, leaves } = this.plane;
    return engine
      .proxies()
      .filter(({ serviceAccount }) => this.#willing.has(serviceAccount))
      .every(({ namespace, serviceAccount, certificate }) => {
        const inForce = leaves.current({ namespace, name: serviceAccount });
        return inForce === undefined || inForce.issuedAt === certificate?.issuedAt;
      });
  }

  async #http(path: string): Promise<Response> {
    const build = { version: "2.0.0", gitCommit: "abc", buildDate: "2026-11-23T00:00:00Z", runtime: "a test" };
    const health = () =>
      judgeHealth({
        stopping: false,
        synced: true,
        compiled: true,
        failing: false,
        xdsListening: this.plane.listening(),
        certificateTrouble: this.plane.certificateTrouble(),
        sources: [],
      });
    const onError = (error: Error): never => {
      throw error;
    };
    const metrics = metricsOf(build, () => this.plane);
    return healthRoutes({ version: build, health, metrics, onError }).request(path);
  }

  async #dial(account: string, index: number, held?: string): Promise<WorldProxy> {
    const identity = { uuid: uuidOf(index), serviceAccount: { namespace: "shop", name: account } };
    const { authority } = this.plane;
    const { chain, key } = await this.signer.whileUp(() => authority.issue({ kind: "proxy", identity }, 87_600 * HOUR));
    const connection = await Connection.open({
      port: this.#port,
      serverName: `ads.${DEFAULT_TRUST_DOMAIN}`,
      leaf: { certificate: chain, key: key.reveal() },
      trustedRoot: authority.trustBundle().join(""),
    });
    this.#connections.add(connection);
    const stream = new DeltaStream(connection);
    stream.send("secret", {
      resourceNamesSubscribe: ["service-cert", "root-cert-for-mtls-inbound"],
      ...(held !== undefined && { initialResourceVersions: { "service-cert": held } }),
    });
    this.#willing.add(account);
    void acceptAll(stream, () => this.#willing.has(account));
    return {
      hang: () => void this.#willing.delete(account),
      cut: async () => {
        this.#willing.delete(account);
        connection.destroy();
        const isConnected = () =>
          this.plane.engine.proxies().some(({ uuid, connected }) => uuid === identity.uuid && connected);
        await eventually(() => !isConnected(), "the control plane noticed the cut");
      },
    };
  }
}

/** Until the stream ends. */
async function acceptAll(stream: DeltaStream, isWilling: () => boolean): Promise<void> {
  try {
    for (;;) {
      const response = await stream.next();
      if (isWilling()) stream.ack(response);
    }
  } catch {
    // Nothing came for a while, or the test is over.
  }
}

function uuidOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
}

/** A pod behind a Service: a proxy that serves nobody needs no certificate. */
function workloadOf(account: string, index: number): readonly unknown[] {
  const labels = { app: account, "osm-proxy-uuid": uuidOf(index) };
  const [ip, ports] = [`10.0.0.${index + 1}`, [{ name: "http", port: 80 }]];
  const pod = { namespace: "shop", name: `${account}-1` };
  const service = { namespace: "shop", name: account };
  return [
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...pod, labels },
      spec: { serviceAccountName: account, containers: [{ name: "main" }] },
      status: { phase: "Running", podIP: ip, conditions: [{ type: "Ready", status: "True" }] },
    },
    { apiVersion: "v1", kind: "Service", metadata: service, spec: { selector: { app: account }, ports } },
    {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: service,
      subsets: [{ addresses: [{ ip, targetRef: { kind: "Pod", ...pod } }], ports }],
    },
  ];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
