/**
 * Authorities made by the `openssl` program, for tests: they share no code with us.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

export interface MadeAuthority {
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

export class OpensslCa {
  readonly folder: string = mkdtempSync(join(tmpdir(), "osm-openssl-"));

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Runs it in the folder. @returns what it wrote. Throws if it fails. */
  run(...args: readonly string[]): string {
    return execFileSync("openssl", [...args], { cwd: this.folder, stdio: "pipe", encoding: "utf8" });
  }

  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  root(name: string, extensions = "critical,CA:TRUE"): MadeAuthority {
    const usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    const out = ["-keyout", `${name}.key`, "-out", `${name}.crt`, "-days", "30"];
    // The program's own defaults would add a second basicConstraints.
    this.file("req.cnf", `[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nsubjectKeyIdentifier=hash\n`);
    const constraints = ["-addext", `basicConstraints=${extensions}`];
    this.run("req", "-config", "req.cnf", "-x509", ...EC, "-subj", `/CN=${name}`, ...constraints, ...usage, ...out);
    return this.#read(name);
  }

  under(issuer: MadeAuthority, name: string, basicConstraints = "critical,CA:TRUE"): MadeAuthority {
    this.run("req", "-new", ...EC, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    this.file(
      `${name}.ext`,
      `basicConstraints=${basicConstraints}\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n`,
    );
    const by = ["-CA", `${issuer.name}.crt`, "-CAkey", `${issuer.name}.key`, "-CAcreateserial"];
    const made = ["-in", `${name}.csr`, "-extfile", `${name}.ext`, "-out", `${name}.crt`, "-days", "20"];
    this.run("x509", "-req", ...by, ...made);
    return this.#read(name);
  }

  /** `openssl verify -x509_strict` of a chain, leaf first, against roots. Throws if it does not verify. */
  verify(chain: string, roots: string): void {
    const leaf = this.file("verify-leaf.crt", chain);
    const trusted = this.file("verify-roots.crt", roots);
    this.run("verify", "-x509_strict", "-CAfile", trusted, "-untrusted", leaf, leaf);
  }

  /** The leaf's alternative names, as openssl writes them. */
  sansOf(chain: string): string {
    const text = this.run("x509", "-in", this.file("sans.crt", chain), "-noout", "-ext", "subjectAltName");
    return text.split("\n")[1]?.trim() ?? "";
  }

  #read(name: string): MadeAuthority {
    const text = (suffix: string) => readFileSync(join(this.folder, `${name}.${suffix}`), "utf8");
    return { name, certificate: text("crt"), key: text("key") };
  }
}
