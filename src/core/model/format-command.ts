/**
 * The commands in Envoy's format strings, such as `%REQ(X-ID?:PATH):20%`: of access logs and of headers to add.
 *
 * Envoy refuses a whole listener for one command that it does not know, so they are checked here first. Held to Envoy
 * 1.40 by `test/envoy/format-command.test.ts`. Left out on purpose are commands that hold a language of their own (CEL,
 * COALESCE), since only Envoy can say whether it is well written.
 *
 * @module
 */
import * as v from "valibot";
import { AnyText } from "./fields.ts";

const COMMAND = /%([A-Z0-9_]+)(?:\(([^\n]*?)\))?(?::(\d{1,9}))?%/y;
/** One header, or one and what stands in for it. */
const HEADERS = /^(?=.)(?::?[\w!#$&'*+.^`|~-]+)?(?:\?(?::?[\w!#$&'*+.^`|~-]+)?)?$/;
const ANYTHING = /^/;
const SOMETHING = /./;

interface Form {
  /** What may stand in the brackets; absent: nothing. */
  readonly args?: RegExp;
  /** Whether `:<number>` may cut the value. */
  readonly cut?: true;
}

const PLAIN: Form = {};
const TIME: Form = { args: ANYTHING };
const HEADER: Form = { args: HEADERS, cut: true };
const KEYED: Form = { args: SOMETHING, cut: true };
const STATE: Form = { args: /^[^:]+(?::(?:PLAIN|TYPED))?$/, cut: true };

const FORMS: ReadonlyMap<string, Form> = new Map([
  ...named(HEADER, "REQ RESP TRAILER REQUEST_HEADER RESPONSE_HEADER RESPONSE_TRAILER"),
  ...named(KEYED, "DYNAMIC_METADATA ENVIRONMENT QUERY_PARAM"),
  ...named({ args: SOMETHING }, "CLUSTER_METADATA UPSTREAM_METADATA"),
  ...named({ args: /^(?:DYNAMIC|CLUSTER|ROUTE)(?::|$)/, cut: true }, "METADATA"),
  ...named(STATE, "FILTER_STATE UPSTREAM_FILTER_STATE"),
  ...named({ args: /^(?:WQ|NQ)?$/, cut: true }, "PATH"),
  ...named({ args: /^(?:ORIG|DECODED)?$/, cut: true }, "QUERY_PARAMS"),
  ...named({ args: /^(?:CAMEL_STRING|SNAKE_STRING|NUMBER)?$/ }, "GRPC_STATUS"),
  ...named(TIME, "START_TIME START_TIME_LOCAL EMIT_TIME EMIT_TIME_LOCAL RESPONSE_CODE_DETAILS"),
  ...named(
    TIME,
    `DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_CERT_V_END UPSTREAM_PEER_CERT_V_START UPSTREAM_PEER_CERT_V_END
     DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT
     DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
     UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT`,
  ),
  ...named(
    PLAIN,
    `ACCESS_LOG_TYPE BYTES_RECEIVED BYTES_RETRANSMITTED BYTES_SENT CONNECTION_ID CONNECTION_TERMINATION_DETAILS
     CUSTOM_FLAGS DURATION FILTER_CHAIN_NAME GRPC_STATUS_NUMBER HOSTNAME LISTENER_NAME LOCAL_REPLY_BODY PROTOCOL
     REQUESTED_SERVER_NAME REQUEST_DURATION REQUEST_HEADERS_BYTES REQUEST_TX_DURATION RESPONSE_CODE RESPONSE_DURATION
     RESPONSE_FLAGS RESPONSE_FLAGS_LONG RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION
     ROUNDTRIP_DURATION ROUTE_NAME SPAN_ID STREAM_ID TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT TRACE_ID UNIQUE_ID
     VIRTUAL_CLUSTER_NAME`,
  ),
  ...named(
    PLAIN,
    `DOWNSTREAM_CX_RTT DOWNSTREAM_DETECTED_CLOSE_TYPE DOWNSTREAM_DIRECT_LOCAL_ADDRESS DOWNSTREAM_DIRECT_LOCAL_PORT
     DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_PORT DOWNSTREAM_HANDSHAKE_DURATION
     DOWNSTREAM_HEADER_BYTES_RECEIVED DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_LOCAL_ADDRESS
     DOWNSTREAM_LOCAL_CLOSE_REASON DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_EMAIL_SAN DOWNSTREAM_LOCAL_IP_SAN
     DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_CERT
     DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_EMAIL_SAN DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_FINGERPRINT_256
     DOWNSTREAM_PEER_IP_SAN DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT
     DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_PORT DOWNSTREAM_TLS_CIPHER
     DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION DOWNSTREAM_TRANSPORT_FAILURE_REASON
     DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT`,
  ),
  ...named(
    PLAIN,
    `UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_CONNECTION_ID UPSTREAM_CONNECTION_POOL_READY_DURATION
     UPSTREAM_DETECTED_CLOSE_TYPE UPSTREAM_HEADER_BYTES_RECEIVED UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HOST
     UPSTREAM_HOSTS_ATTEMPTED UPSTREAM_HOST_NAME UPSTREAM_HOST_NAME_WITHOUT_PORT UPSTREAM_LOCAL_ADDRESS
     UPSTREAM_LOCAL_CLOSE_REASON UPSTREAM_LOCAL_DNS_SAN UPSTREAM_LOCAL_IP_SAN UPSTREAM_LOCAL_PORT
     UPSTREAM_LOCAL_URI_SAN UPSTREAM_PEER_CERT UPSTREAM_PEER_DNS_SAN UPSTREAM_PEER_IP_SAN UPSTREAM_PEER_ISSUER
     UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_URI_SAN UPSTREAM_PROTOCOL UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_PORT
     UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_TLS_CIPHER UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION
     UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_WIRE_BYTES_RECEIVED UPSTREAM_WIRE_BYTES_SENT`,
  ),
]);

/** An extension of access loggers alone. */
const LOG_FORMS: ReadonlyMap<string, Form> = new Map([...FORMS, ...named(HEADER, "REQ_WITHOUT_QUERY")]);

/** Names of all commands that are let through everywhere. */
export const COMMANDS: readonly string[] = [...FORMS.keys()];

/** A text that Envoy takes for a format string. */
export const FormatText = v.pipe(
  AnyText,
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed ? commandFault(dataset.value) : undefined;
    if (fault !== undefined) addIssue({ message: `a format of Envoy's (${fault})` });
  }),
);

/** The same for an access log. */
export const LogText = v.pipe(
  AnyText,
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed ? logFault(dataset.value) : undefined;
    if (fault !== undefined) addIssue({ message: `a format of Envoy's (${fault})` });
  }),
);

/** The first thing in an access log's format that Envoy would not take, with what to do about it. undefined: nothing. */
export function logFault(format: string): string | undefined {
  return faultOf(format, LOG_FORMS);
}

/** The same for a format that is of no access log. */
export function commandFault(format: string): string | undefined {
  return faultOf(format, FORMS);
}

function faultOf(format: string, forms: ReadonlyMap<string, Form>): string | undefined {
  for (let at = format.indexOf("%"); at !== -1; at = format.indexOf("%", at)) {
    const read = commandAt(format, at, forms);
    if (read.fault !== undefined) return read.fault;
    at = read.end;
  }
  return undefined;
}

interface Read {
  readonly end: number;
  readonly fault?: string;
}

function commandAt(format: string, at: number, forms: ReadonlyMap<string, Form>): Read {
  if (format.startsWith("%%", at)) return { end: at + 2 };
  COMMAND.lastIndex = at;
  const [whole, name = "", args = "", cut] = COMMAND.exec(format) ?? [];
  if (whole === undefined)
    return { end: at, fault: `${cutText(format.slice(at))} begins no command: write %% for a percent sign` };
  const end = at + whole.length;
  const form = forms.get(name);
  if (form === undefined) return { end, fault: `${cutText(whole)} is no command that can be checked` };
  if (!(form.args?.test(args) ?? args === ""))
    return { end, fault: `${cutText(whole)} has the wrong text in brackets` };
  if (cut !== undefined && form.cut !== true) return { end, fault: `${cutText(whole)} cannot be cut to a length` };
  return { end };
}

const SHOWN_LENGTH = 40;

function cutText(text: string): string {
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}…`;
}

function named(form: Form, names: string): readonly (readonly [string, Form])[] {
  return names.split(/\s+/).map((name) => [name, form]);
}
