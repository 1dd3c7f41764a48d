/**
 * A static Envoy configuration that passes everything on: enough to see that the redirection leads through Envoy.
 *
 * Envoy dials the original destination again, inbound at 127.0.0.1. Every connection leaves one line in its log.
 */
export function plainBootstrap(): string {
  return JSON.stringify({
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: 15000 } } },
    static_resources: {
      listeners: [listener("inbound", 15003, "here"), listener("outbound", 15001, "there")],
      clusters: [
        {
          name: "here",
          type: "STATIC",
          load_assignment: {
            cluster_name: "here",
            endpoints: [
              {
                lb_endpoints: [
                  { endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: 8080 } } } },
                ],
              },
            ],
          },
        },
        { name: "there", type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED" },
      ],
    },
  });
}

function listener(name: string, port: number, cluster: string): unknown {
  const log = {
    name: "envoy.access_loggers.stdout",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
      log_format: {
        text_format_source: { inline_string: `${name} %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_HOST%\n` },
      },
    },
  };
  const proxy = {
    name: "envoy.filters.network.tcp_proxy",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
      stat_prefix: name,
      cluster,
      access_log: [log],
    },
  };
  const originalDestination = {
    name: "envoy.filters.listener.original_dst",
    typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst" },
  };
  return {
    name,
    address: { socket_address: { address: "0.0.0.0", port_value: port } },
    listener_filters: [originalDestination],
    filter_chains: [{ filters: [proxy] }],
  };
}
