/**
 * One line of a watch.
 *
 * @module
 */
import { isRecord } from "../../core/model/fields.ts";
import { KubernetesError, readStatus } from "./kubernetes-error.ts";

export type WatchEvent =
  | { readonly type: "applied" | "deleted"; readonly object: unknown; readonly resourceVersion: string }
  /** Nothing changed up to this version. */
  | { readonly type: "bookmark"; readonly resourceVersion: string };

/**
 * @param path - Of the watch, for the error.
 * @throws KubernetesError for the server's ERROR event; Error for what is no event: then what was missed is unknown.
 */
export function parseWatchEvent(line: string, path: string): WatchEvent {
  const raw: unknown = JSON.parse(line);
  const { type, object } = isRecord(raw) ? raw : {};
  if (type === "ERROR") {
    const { code, ...status } = readStatus(object);
    throw new KubernetesError({ method: "WATCH", path, status: code, ...status });
  }
  const resourceVersion = versionOf(object);
  switch (type) {
    case "ADDED":
    case "MODIFIED":
      return { type: "applied", object, resourceVersion };
    case "DELETED":
      return { type: "deleted", object, resourceVersion };
    case "BOOKMARK":
      return { type: "bookmark", resourceVersion };
    default:
      throw new Error(`a watch event of the unknown type ${JSON.stringify(type)}`);
  }
}

function versionOf(object: unknown): string {
  const metadata = isRecord(object) ? object["metadata"] : undefined;
  const version = isRecord(metadata) ? metadata["resourceVersion"] : undefined;
  if (typeof version !== "string" || version === "") throw new Error("a watch event without a resourceVersion");
  return version;
}
