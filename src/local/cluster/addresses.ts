/**
 * Hands out IPv4 addresses, each to one holder at a time.
 *
 * @module
 */

/**
 * Addresses of one range. A freed address is reused only after all others, so that a peer which still holds
 * an old address does not reach a new pod by it.
 */
export class AddressPool {
  readonly #base: number;
  readonly #size: number;
  readonly #first: number;
  readonly #byHolder = new Map<string, number>();
  readonly #taken = new Set<number>();
  #next: number;

  /**
   * @param cidr - Such as `10.244.0.0/16`.
   * @param reserved - How many addresses at the start are never handed out. The last of the range is not either.
   */
  constructor(cidr: string, reserved: number) {
    const [ip = "", bits = ""] = cidr.split("/");
    this.#base = toNumber(ip) ?? 0;
    this.#size = 2 ** (32 - Number(bits));
    this.#first = reserved;
    this.#next = reserved;
  }

  /** The holder's address; the same for every call until `free`. Throws once all are taken. */
  take(holder: string): string {
    const known = this.#byHolder.get(holder);
    if (known !== undefined) return toText(this.#base + known);
    const span = this.#size - 1 - this.#first;
    for (let i = 0; i < span; i++) {
      const offset = this.#first + ((this.#next - this.#first + i) % span);
      if (this.#taken.has(offset)) continue;
      this.#next = offset + 1;
      this.#hold(holder, offset);
      return toText(this.#base + offset);
    }
    throw new Error(`all ${span} addresses of ${toText(this.#base)} are taken: remove objects that are not needed`);
  }

  /** Gives the holder the address that it asks for. False if that is another's, or outside the range. */
  takeExact(holder: string, ip: string): boolean {
    const number = toNumber(ip);
    const offset = number === undefined ? -1 : number - this.#base;
    if (offset < 1 || offset >= this.#size - 1) return false;
    if (this.#byHolder.get(holder) === offset) return true;
    if (this.#taken.has(offset)) return false;
    this.free(holder);
    this.#hold(holder, offset);
    return true;
  }

  free(holder: string): void {
    const offset = this.#byHolder.get(holder);
    if (offset === undefined) return;
    this.#byHolder.delete(holder);
    this.#taken.delete(offset);
  }

  holders(): readonly string[] {
    return [...this.#byHolder.keys()];
  }

  #hold(holder: string, offset: number): void {
    this.#byHolder.set(holder, offset);
    this.#taken.add(offset);
  }
}

function toNumber(ip: string): number | undefined {
  const parts = ip.split(".").map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

function toText(number: number): string {
  return [24, 16, 8, 0].map((bits) => Math.floor(number / 2 ** bits) % 256).join(".");
}
