/**
 * A mesh in memory that changes its root: proxies that take what they are sent when they like, and a control plane that
 * may be killed at any moment and has nothing but the record.
 *
 * @module
 */
import type { CertificateProvider } from "../../ca/provider.ts";
import { Advancer } from "../advancer.ts";
import type { ProxyStanding } from "../gate.ts";
import { parseRecord, type RootRef, type RotationRecord, steadyOn } from "../record.ts";
import { RootOpener } from "../roots.ts";
import { RecordConflict, type RecordStore, Rotator } from "../rotator.ts";

/** What one Envoy holds. */
export interface WorldProxy {
  readonly uuid: string;
  connected: boolean;
  /** undefined: it has just started, and neither calls nor serves anybody. */
  holds: { trust: string; roots: readonly string[]; issuer: string; trustDomains: readonly string[] } | undefined;
  /** Of the root in its files, and under which it dialled. */
  file: string;
  dialled: string;
}

export const FIRST: RootRef = {
  name: "first",
  source: { kind: "builtin", store: "first" },
  trustDomain: "cluster.local",
  certificates: [],
};

export class RotationWorld {
  now = 1000;
  readonly proxies: WorldProxy[];
  /** Fails the next writing of the record after it was written, as a crash between the two would. */
  readonly store: RecordStore & { text: string | undefined };
  rotator!: Rotator;
  advancer!: Advancer;
  leads = true;
  #roots = 0;
  #revision = 0;
  readonly lost = new Set<string>();

  private constructor(count: number) {
    this.proxies = Array.from({ length: count }, (_, i) => ({
      uuid: `uuid-${i}`,
      connected: true,
      holds: undefined,
      file: "id-first",
      dialled: "id-first",
    }));
    const world = this;
    this.store = {
      text: undefined,
      async read() {
        if (this.text === undefined) return undefined;
        return { record: parseRecord(this.text, "the store"), revision: String(world.#revision) };
      },
      async write(record: RotationRecord, before) {
        if (before !== (this.text === undefined ? undefined : String(world.#revision)))
          throw new RecordConflict("changed");
        this.text = JSON.stringify(record);
        world.#revision += 1;
        return String(world.#revision);
      },
    };
  }

  static async open(count: number): Promise<RotationWorld> {
    const world = new RotationWorld(count);
    await world.restart();
    for (const proxy of world.proxies) world.sync(proxy);
    return world;
  }

  /** `kill -9`, and another process. */
  async restart(): Promise<void> {
    const opener = new RootOpener(
      {
        create: async (trustDomain) => {
          this.#roots += 1;
          const name = `root-${this.#roots}`;
          return { name, source: { kind: "builtin", store: name }, trustDomain, certificates: [] };
        },
        open: async ({ name }) => {
          if (this.lost.has(name)) throw new Error(`${name} is lost`);
          return providerOf(name);
        },
      },
      () => this.now,
      async () => undefined,
    );
    const options = { store: this.store, opener, initial: steadyOn(FIRST, 0), now: () => this.now };
    this.rotator = await Rotator.open(options);
    this.advancer = new Advancer({
      roots: () => this.rotator.roots(),
      change: (step) => this.rotator.change(step),
      standings: () => this.proxies.map((proxy) => this.#standingOf(proxy)),
      others: () => [],
      leads: () => this.leads,
      now: () => this.now,
    });
  }

  /** The proxy takes what it is sent now; its files follow, and it dials again. */
  sync(proxy: WorldProxy): void {
    if (!proxy.connected) return;
    const { trust, plan, signing, trusted } = this.rotator.roots();
    const roots = trusted.flatMap(({ issuerId }) => issuerId ?? []);
    proxy.holds = { trust, roots, issuer: signing.issuerId, trustDomains: plan.trustDomains };
    proxy.file = signing.issuerId;
    proxy.dialled = proxy.file;
  }

  /** Looks, for as long as nothing but time is missing. */
  async settle(): Promise<void> {
    for (let i = 0; i < 12; i++) {
      await this.advancer.look();
      this.now += 1000;
      for (const proxy of this.proxies) this.sync(proxy);
    }
  }

  /** Pairs that could not make a connection. */
  broken(): readonly string[] {
    const up = this.proxies.flatMap(({ uuid, holds }) => (holds === undefined ? [] : [{ uuid, holds }]));
    return up.flatMap((one) =>
      up
        .filter((other) => !one.holds.roots.includes(other.holds.issuer))
        .map((other) => `${one.uuid} does not trust ${other.uuid}`),
    );
  }

  #standingOf({ uuid, connected, holds, dialled }: WorldProxy): ProxyStanding {
    const common = { uuid, namespace: "shop", pod: uuid, connected };
    if (!connected || holds === undefined) return common;
    const { trust, issuer, trustDomains } = holds;
    return { ...common, accepted: { trust, issuer, trustDomains }, credential: dialled };
  }
}

function providerOf(name: string): CertificateProvider {
  return {
    name,
    issuerId: `id-${name}`,
    issuerEnds: () => Number.POSITIVE_INFINITY,
    trustBundle: () => [`PEM of ${name}\n`],
    issue: () => Promise.reject(new Error("nobody asks for a leaf here")),
  };
}
