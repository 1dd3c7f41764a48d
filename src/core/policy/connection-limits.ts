/**
 * The limits that an UpstreamTrafficSetting puts on a caller's connections, as upstreams of the IR carry them.
 *
 * @module
 */
import type { Millis } from "../base/millis.ts";
import type { ConnectionLimits } from "../ir/upstream.ts";
import type { UpstreamTrafficSetting } from "../model/upstream-traffic-setting.ts";

/** What a count is that was not given: nothing that Envoy counts gets there. */
const UNLIMITED = 2 ** 32 - 1;
/** Envoy's own times: saying them is saying nothing. */
const CONNECT_TIMEOUT: Millis = 5_000;
const IDLE_TIMEOUT: Millis = 3_600_000;

/**
 * Limits of a cluster. Values that are Envoy's own anyway are left out, so that an object which sets nothing leaves
 * the cluster as it is, byte for byte.
 */
export function limitsOf({ connectionSettings: { tcp, http } }: UpstreamTrafficSetting): ConnectionLimits {
  const { maxConnections, connectTimeout } = tcp;
  const { maxPendingRequests, maxRequests, maxRetries, maxRequestsPerConnection, idleTimeout } = http;
  return {
    ...(maxConnections === UNLIMITED ? {} : { maxConnections }),
    ...(maxPendingRequests === UNLIMITED ? {} : { maxPendingRequests }),
    ...(maxRequests === UNLIMITED ? {} : { maxRequests }),
    ...(maxRetries === UNLIMITED ? {} : { maxRetries }),
    ...(maxRequestsPerConnection === 0 ? {} : { maxRequestsPerConnection }),
    ...(connectTimeout === CONNECT_TIMEOUT ? {} : { connectTimeout }),
    ...(idleTimeout === IDLE_TIMEOUT ? {} : { idleTimeout }),
  };
}

/** How long a connection of bytes may be silent; undefined: Envoy's hour. It belongs to the TCP proxy, not to a cluster. */
export function silenceOf({ connectionSettings: { tcp } }: UpstreamTrafficSetting): Millis | undefined {
  return tcp.idleTimeout === IDLE_TIMEOUT ? undefined : tcp.idleTimeout;
}
