/**
 * The small HTML page of counters that each bookstore application shows on `/`.
 *
 * @module
 */
import { html } from "hono/html";

type Html = ReturnType<typeof html>;

/** Values are escaped. The page reloads itself every second. */
export function counterPage(title: string, counters: Readonly<Record<string, number | string>>): Html {
  const rows = Object.entries(counters).map(([name, value]) => html`<tr><td>${name}</td><td>${value}</td></tr>`);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1"><title>${title}</title></head>
<body><h1>${title}</h1><table>${rows}</table><p><a href="/reset">reset</a></p></body></html>`;
}
