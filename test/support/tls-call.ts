/**
 * One HTTP/1.1 request over TLS of the caller's own, as a gateway outside the mesh or an application makes it:
 * `bun test/support/tls-call.ts '<JSON of a TlsCall>'` prints the JSON of a TlsAnswer.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { connect } from "node:tls";

export interface TlsCall {
  readonly host: string;
  readonly port: number;
  /** "" for none. */
  readonly sni: string;
  readonly path: string;
  readonly alpn?: readonly string[];
  /** A folder with `ca.crt`, `tls.crt` and `tls.key`; without it no certificate is shown, and any is believed. */
  readonly folder?: string;
  /** The name that the server's certificate must have, if `folder` is given. */
  readonly expects?: string;
}

/** `status` 0: no answer; then `error` says why. */
export interface TlsAnswer {
  readonly status: number;
  readonly text: string;
  readonly error?: string;
  /** What the server took of `alpn`. */
  readonly alpn?: string;
}

const PATIENCE = 5000;

function callTls(call: TlsCall): Promise<TlsAnswer> {
  const { host, port, sni, path, alpn, folder, expects } = call;
  const { promise, resolve } = Promise.withResolvers<TlsAnswer>();
  const file = (name: string): string => readFileSync(`${folder}/${name}`, "utf8");
  const socket = connect({
    host,
    port,
    ...(sni === "" ? {} : { servername: sni }),
    ...(alpn && { ALPNProtocols: [...alpn] }),
    ...(folder === undefined
      ? { rejectUnauthorized: false }
      : { ca: file("ca.crt"), cert: file("tls.crt"), key: file("tls.key"), checkServerIdentity: nameCheck(expects) }),
  });
  let text = "";
  const finish = (error?: string): void => {
    clearTimeout(timer);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
    const agreed = typeof socket.alpnProtocol === "string" ? { alpn: socket.alpnProtocol } : {};
    socket.destroy();
    resolve({ status, text, ...agreed, ...(status === 0 && { error: error ?? "closed" }) });
  };
  const timer = setTimeout(() => finish("timeout"), PATIENCE);
  socket.on("secureConnect", () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${sni === "" ? host : sni}\r\nConnection: close\r\n\r\n`);
  });
  socket.on("data", (chunk) => {
    text += chunk.toString("utf8");
  });
  socket.on("end", () => finish());
  socket.on("close", () => finish());
  socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  return promise;
}

function nameCheck(expects: string | undefined) {
  return (_: string, { subjectaltname = "" }: { readonly subjectaltname?: string | undefined }): Error | undefined =>
    expects === undefined || subjectaltname.split(", ").includes(`DNS:${expects}`)
      ? undefined
      : new Error(`the server is ${subjectaltname}`);
}

if (import.meta.main) {
  const answer = await callTls(JSON.parse(process.argv[2] ?? "") as TlsCall);
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit(0));
}
