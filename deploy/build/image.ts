/**
 * `npm run image`: writes the images as archives to `dist/images/`, without any daemon. Same content, same bytes.
 *
 * `--with-envoy` adds the proxy's, for clusters that can reach no registry.
 *
 * @module
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Image, imageArchive } from "./image/archive.ts";
import { envoyImage, initImage, osmImage } from "./image/contents.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const FOLDER = join(ROOT, "dist", "images");

function megabytes(sizeBytes: number): string {
  return `${(sizeBytes / 1e6).toFixed(1)} MB`;
}

async function write(file: string, image: Image): Promise<void> {
  const archive = await imageArchive(image);
  const path = join(FOLDER, file);
  // Renamed into place, so that nobody loads half an archive.
  writeFileSync(`${path}.part`, archive);
  renameSync(`${path}.part`, path);
  const unpacked = [...image.files.values()].reduce(
    (sum, one) => sum + (one.kind === "file" ? one.bytes.length : 0),
    0,
  );
  console.log(`dist/images/${file}  ${image.name}  ${megabytes(archive.length)}, ${megabytes(unpacked)} unpacked`);
}

async function main(options: readonly string[]): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  await write("osm.tar", await osmImage(join(ROOT, "dist", "osm")));
  await write("osm-init.tar", await initImage());
  if (options.includes("--with-envoy")) await write("envoy.tar", await envoyImage());
}

const options = process.argv.slice(2);
const unknown = options.filter((option) => option !== "--with-envoy");
if (unknown.length > 0) {
  console.error(`no option ${unknown.join(" ")}: there is --with-envoy`);
  process.exitCode = 2;
} else {
  await main(options);
}
