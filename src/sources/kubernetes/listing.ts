/**
 * Lists a collection page by page.
 *
 * @module
 */

import { isRecord } from "../../core/model/fields.ts";
import type { KubernetesClient } from "./client.ts";
import { hasStatus } from "./kubernetes-error.ts";

/** A page of pods is about 2 MB, and parsed in some 10 ms. */
const PAGE_SIZE = 250;

export interface Listing {
  readonly client: KubernetesClient;
  readonly path: string;
  readonly labelSelector: string | undefined;
  readonly fieldSelector: string | undefined;
  readonly signal: AbortSignal;
  /** Called in order, once for each page. Pages of a listing that was started anew may come twice. */
  onPage(items: readonly unknown[]): Promise<void>;
}

/**
 * Tells all pages and returns the version to watch from.
 *
 * No `resourceVersion` is asked for: the server answers with what is there now, never with what an old cache of
 * another API server holds, so that objects do not go back in time.
 */
export async function listAll(listing: Listing): Promise<string> {
  try {
    return await listPages(listing, PAGE_SIZE);
  } catch (cause) {
    // The snapshot that the pages come from was compacted meanwhile. In one piece it cannot be.
    if (hasStatus(cause, 410)) return listPages(listing, undefined);
    throw cause;
  }
}

async function listPages(listing: Listing, limit: number | undefined): Promise<string> {
  const { client, path, labelSelector, fieldSelector, signal, onPage } = listing;
  let page = { resourceVersion: "", continue: undefined as string | undefined };
  do {
    const query = { limit, continue: page.continue, labelSelector, fieldSelector };
    const raw = await client.request({ path, query, signal });
    const { items, metadata } = isRecord(raw) ? raw : {};
    if (!isRecord(metadata)) throw new Error(`GET ${path}: the answer is no list`);
    // Go writes an empty list as null.
    await onPage(Array.isArray(items) ? items : []);
    page = {
      resourceVersion: textOf(metadata["resourceVersion"]),
      continue: textOf(metadata["continue"]) || undefined,
    };
  } while (page.continue !== undefined);
  if (page.resourceVersion === "") throw new Error(`GET ${path}: the list has no resourceVersion to watch from`);
  return page.resourceVersion;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
