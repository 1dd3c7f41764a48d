/**
 * Products of others that tests talk to, fetched into the cache and installed nowhere: Zipkin through Maven, Prometheus
 * and etcd from Debian's packages.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { canFetchPackages, unpackedPackage } from "../../src/local/tools/debian.ts";
import { cacheFolder, findProgram } from "../../src/local/tools/find.ts";

const ZIPKIN = "3.5.1";
const COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";
const DOWNLOAD_TIMEOUT = 300_000;

/** Why Zipkin cannot run here; undefined if it can. */
export function zipkinObstacle(): string | undefined {
  const missing = ["java", "mvn"].filter((name) => findProgram(name) === undefined);
  if (missing.length === 0 || (existsSync(jarPath()) && !missing.includes("java"))) return undefined;
  return `Zipkin needs ${missing.join(" and ")}: install default-jre-headless and maven`;
}

/** The command that runs a Zipkin server on port 9411, with everything in memory. @throws Error with Maven's words. */
export async function zipkinCommand(): Promise<readonly string[]> {
  const jar = jarPath();
  if (!existsSync(jar)) {
    // Renamed into place, so that a download that was cut short is never taken for a server.
    const work = mkdtempSync(`${cacheFolder()}/.zipkin-`);
    const artifact = `-Dartifact=io.zipkin:zipkin-server:${ZIPKIN}:jar:exec`;
    await promisify(execFile)("mvn", ["-q", "-B", COPY, artifact, `-DoutputDirectory=${work}`], {
      timeout: DOWNLOAD_TIMEOUT,
    });
    mkdirSync(dirname(jar), { recursive: true });
    renameSync(join(work, basename(jar)), jar);
    rmSync(work, { recursive: true });
  }
  return [findProgram("java") ?? "java", "-Xmx256m", "-jar", jar];
}

function jarPath(): string {
  return join(cacheFolder(), "zipkin", `zipkin-server-${ZIPKIN}-exec.jar`);
}

/** Why Prometheus cannot run here; undefined if it can. */
export function prometheusObstacle(): string | undefined {
  if (findProgram("prometheus") !== undefined || canFetchPackages()) return undefined;
  return "Prometheus is not on PATH, and there is no apt-get and dpkg-deb to fetch it with";
}

/** @throws Error with apt's words. */
export async function prometheusProgram(): Promise<string> {
  return findProgram("prometheus") ?? join(await unpackedPackage("prometheus"), "usr/bin/prometheus");
}

/** Why etcd cannot run here; undefined if it can. */
export function etcdObstacle(): string | undefined {
  if (findProgram("etcd") !== undefined || canFetchPackages()) return undefined;
  return "etcd is not on PATH, and there is no apt-get and dpkg-deb to fetch it with";
}

/** @throws Error with apt's words. */
export async function etcdProgram(): Promise<string> {
  return findProgram("etcd") ?? join(await unpackedPackage("etcd-server"), "usr/bin/etcd");
}
