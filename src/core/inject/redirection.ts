/**
 * The rules that lead a pod's connections through its proxy, for `iptables-restore --noflush` (dataplane spec 2.17).
 *
 * TCP over IPv4. Chains and order are OSM's; so tools and habits that know them go on to work.
 *
 * @module
 */
export interface RedirectionOptions {
  /** The user that Envoy runs as; its own connections go out as they are. */
  readonly proxyUid: number;
  /**
   * Local proxy mode PodIP: Envoy reaches the application at this address and not at 127.0.0.1. `POD_IP_VARIABLE` where
   * the pod has no address yet.
   */
  readonly podIp?: string;
  /** Further ports that the sidecar itself answers at in clear text, beyond those of every sidecar. */
  readonly probePorts?: readonly number[];
  readonly inboundPortExclusions: readonly number[];
  readonly outboundPortExclusions: readonly number[];
  /** IPv4, `a.b.c.d` or `a.b.c.d/n`. */
  readonly outboundIpRangeExclusions: readonly string[];
  /** If any, only these are led through the proxy. */
  readonly outboundIpRangeInclusions: readonly string[];
  readonly interfaceExclusions: readonly string[];
}

/** Kubernetes puts the value of the variable `POD_IP` here, in the arguments of a container. */
export const POD_IP_VARIABLE = "$(POD_IP)";

const INBOUND = "OSM_PROXY_INBOUND";
const IN_REDIRECT = "OSM_PROXY_IN_REDIRECT";
const OUTBOUND = "OSM_PROXY_OUTBOUND";
const OUT_REDIRECT = "OSM_PROXY_OUT_REDIRECT";

const INBOUND_PORT = 15003;
const OUTBOUND_PORT = 15001;
const ADMIN_PORT = 15000;
/** Statistics and rewritten probes: served by the sidecar itself, in clear text. */
const PROXY_PORTS = [15010, 15901, 15902, 15903, 15904];
/** What the kernel's `multiport` match holds. OSM put all ports in one rule, which fails beyond this. */
const PORTS_A_RULE = 15;

const IPV4_RANGE = /^\d{1,3}(?:\.\d{1,3}){3}(?:\/(?:3[0-2]|[12]?\d))?$/;
const INTERFACE = /^[A-Za-z0-9_.@-]{1,15}\+?$/;

/**
 * The text for one run of `iptables-restore --noflush`.
 *
 * @throws RangeError for a value that is no port, range or interface name. It would otherwise become a rule of its own
 * making, run by root; parse what an operator wrote first.
 */
export function buildRedirection(options: RedirectionOptions): string {
  return [
    "*nat",
    ...[INBOUND, IN_REDIRECT, OUTBOUND, OUT_REDIRECT].map((chain) => `:${chain} - [0:0]`),
    ...inboundRules(options),
    ...outboundRules(options),
    "COMMIT",
    "",
  ].join("\n");
}

function inboundRules(options: RedirectionOptions): readonly string[] {
  const { inboundPortExclusions, interfaceExclusions, probePorts = [] } = options;
  return [
    `-A ${IN_REDIRECT} -p tcp -j REDIRECT --to-ports ${INBOUND_PORT}`,
    `-A PREROUTING -p tcp -j ${INBOUND}`,
    ...portGroups(inboundPortExclusions).map(
      (ports) => `-A ${INBOUND} -p tcp -m multiport --dports ${ports} -j RETURN`,
    ),
    ...interfaceExclusions.map((name) => `-A ${INBOUND} -i ${checkedInterface(name)} -j RETURN`),
    ...[...PROXY_PORTS, ...probePorts].map(
      (port) => `-A ${INBOUND} -p tcp --dport ${checkedNumber("port", port, 65_535)} -j RETURN`,
    ),
    `-A ${INBOUND} -p tcp -j ${IN_REDIRECT}`,
  ];
}

/**
 * OSM also wrote "accept what goes to port 15000", after the rule that takes everything. It is left out rather than
 * moved up: the administration endpoint is on loopback, which is let through below, and moved up the rule would let an
 * application past its proxy to port 15000 of any address.
 */
function outboundRules(options: RedirectionOptions): readonly string[] {
  const { podIp, outboundIpRangeExclusions, outboundPortExclusions, interfaceExclusions } = options;
  const byProxy = `-m owner --uid-owner ${checkedNumber("uid", options.proxyUid, 2 ** 32 - 2)}`;
  // Envoy's own administration endpoint, which statistics are read from, stays at 127.0.0.1 in any mode.
  const toApplication = `-o lo -p tcp -d 127.0.0.1/32 ! --dport ${ADMIN_PORT}`;
  const notByProxy = byProxy.replace("--uid-owner", "! --uid-owner");
  return [
    `-A ${OUT_REDIRECT} -p tcp -j REDIRECT --to-ports ${OUTBOUND_PORT}`,
    `-A OUTPUT -p tcp -j ${OUTBOUND}`,
    // The pod calls a Service of its own: Envoy connects to its own pod, and the connection must come in as any other.
    `-A ${OUTBOUND} -o lo ! -d 127.0.0.1/32 ${byProxy} -j ${IN_REDIRECT}`,
    `-A ${OUTBOUND} -o lo ${notByProxy} -j RETURN`,
    `-A ${OUTBOUND} ${byProxy} -j RETURN`,
    `-A ${OUTBOUND} -d 127.0.0.1/32 -j RETURN`,
    ...(podIp === undefined
      ? []
      : [`-I OUTPUT ${toApplication} ${byProxy} -j DNAT --to-destination ${checkedPodIp(podIp)}`]),
    ...interfaceExclusions.map((name) => `-A ${OUTBOUND} -o ${checkedInterface(name)} -j RETURN`),
    ...outboundIpRangeExclusions.map((range) => `-A ${OUTBOUND} -d ${checkedRange(range)} -j RETURN`),
    ...portGroups(outboundPortExclusions).map(
      (ports) => `-A ${OUTBOUND} -p tcp -m multiport --dports ${ports} -j RETURN`,
    ),
    ...outboundTargets(options),
  ];
}

function outboundTargets({ outboundIpRangeInclusions: ranges }: RedirectionOptions): readonly string[] {
  if (ranges.length === 0) return [`-A ${OUTBOUND} -j ${OUT_REDIRECT}`];
  return [
    ...ranges.map((range) => `-A ${OUTBOUND} -d ${checkedRange(range)} -j ${OUT_REDIRECT}`),
    `-A ${OUTBOUND} -j RETURN`,
  ];
}

function portGroups(ports: readonly number[]): readonly string[] {
  const sorted = [...new Set(ports)].sort((a, b) => a - b).map((port) => checkedNumber("port", port, 65_535));
  return Array.from({ length: Math.ceil(sorted.length / PORTS_A_RULE) }, (_, i) =>
    sorted.slice(i * PORTS_A_RULE, (i + 1) * PORTS_A_RULE).join(","),
  );
}

function checkedNumber(what: string, value: number, max: number): number {
  if (Number.isInteger(value) && value > 0 && value <= max) return value;
  throw new RangeError(`${what} ${value} is not a whole number from 1 to ${max}`);
}

/** As in 10.0.0.0/8 or 10.1.2.3. */
export function isIpv4Range(text: string): boolean {
  return IPV4_RANGE.test(text) && (text.split("/")[0] ?? "").split(".").every((part) => Number(part) <= 255);
}

/** As in eth0 or veth+. */
export function isInterfaceName(name: string): boolean {
  return INTERFACE.test(name) && !name.startsWith("-");
}

function checkedRange(text: string): string {
  if (isIpv4Range(text)) return text;
  throw new RangeError(`address range ${JSON.stringify(text)} is not IPv4, as in 10.0.0.0/8 or 10.1.2.3`);
}

function checkedPodIp(text: string): string {
  return text === POD_IP_VARIABLE ? text : checkedRange(text);
}

function checkedInterface(name: string): string {
  if (isInterfaceName(name)) return name;
  throw new RangeError(`network interface ${JSON.stringify(name)} is not a name, as in eth0 or veth+`);
}
