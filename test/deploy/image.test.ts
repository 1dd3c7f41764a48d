/**
 * Images: the same bytes each time, sound in themselves, with the libraries that a program needs.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { type Image, imageArchive } from "../../deploy/build/image/archive.ts";
import { osmImage } from "../../deploy/build/image/contents.ts";
import { parseLdd } from "../../deploy/build/image/libraries.ts";
import type { Entry } from "../../deploy/build/image/tarball.ts";
import { IMAGES } from "../../deploy/build/names.ts";
import { findProgram } from "../../src/local/tools/find.ts";

interface Unpacked {
  readonly bytes: Buffer;
  readonly header: {
    readonly mode?: number;
    readonly linkname?: string | null;
    readonly mtime?: Date;
    readonly uid?: number;
  };
}

async function unpack(archive: Uint8Array): Promise<Map<string, Unpacked>> {
  const stream = extract();
  stream.end(Buffer.from(archive));
  const files = new Map<string, Unpacked>();
  for await (const entry of stream) {
    files.set(entry.header.name, { bytes: await buffer(entry), header: entry.header });
  }
  return files;
}

const FILES: readonly [string, Entry][] = [
  ["usr/bin/b", { kind: "file", bytes: Buffer.from("bee"), mode: 0o755 }],
  ["a", { kind: "link", to: "usr/bin/b" }],
];

function image(files: readonly [string, Entry][]): Image {
  return { name: "example.test/app:1", files: new Map(files), entrypoint: ["/a"], user: "7:7" };
}

describe("an archive", () => {
  it("is the same whatever order its files were named in", async () => {
    assert.ok((await imageArchive(image(FILES))).equals(await imageArchive(image([...FILES].reverse()))));
  });

  it("names the image as a manifest would, and its digests hold", async () => {
    const files = await unpack(await imageArchive(image(FILES)));
    const read = (path: string) => JSON.parse(files.get(path)?.bytes.toString() ?? "null");
    const [docker, ...more] = read("manifest.json");
    assert.deepEqual(more, []);
    assert.deepEqual(docker.RepoTags, ["example.test/app:1"]);
    const [layerPath] = docker.Layers;
    assert.deepEqual([...files.keys()].sort(), [
      "blobs/",
      "blobs/sha256/",
      ...[docker.Config, layerPath].sort(),
      "manifest.json",
    ]);
    for (const [path, { bytes }] of files)
      if (/^blobs\/sha256\/./.test(path)) assert.equal(path, `blobs/sha256/${sha256(bytes)}`);

    const layer = gunzipSync(files.get(layerPath)?.bytes ?? "");
    const config = read(docker.Config);
    assert.deepEqual([config.os, config.architecture.length > 0], ["linux", true]);
    assert.deepEqual(config.rootfs.diff_ids, [`sha256:${sha256(layer)}`]);
    assert.equal(config.config.User, "7:7");

    const inside = await unpack(layer);
    assert.deepEqual([...inside.keys()], ["a", "run/", "tmp/", "usr/", "usr/bin/", "usr/bin/b"]);
    assert.equal(inside.get("a")?.header.linkname, "usr/bin/b");
    assert.equal(inside.get("tmp/")?.header.mode, 0o1777);
    for (const { header } of inside.values()) assert.deepEqual([header.uid, header.mtime?.getTime()], [0, 0]);
  });
});

describe("a program's image", () => {
  it("holds the program, its libraries and their loader, and is reproducible", async () => {
    const cat = findProgram("cat");
    assert.ok(cat !== undefined);
    const made = await osmImage(cat);
    const names = [...made.files.keys()];
    assert.ok(names.includes("osm") && names.some((name) => /libc\.|musl/.test(name)), names.join(" "));
    assert.ok(
      names.some((name) => /\/ld-/.test(name)),
      names.join(" "),
    );
    assert.equal(made.name, IMAGES.osm);
    assert.ok((await imageArchive(made)).equals(await imageArchive(await osmImage(cat))));
  });

  it("lists what ldd says, and refuses what it did not find", () => {
    const said = [
      "\tlinux-vdso.so.1 (0x00007ffc)",
      "\tlibm.so.6 => /lib/libm.so.6 (0x00007f4f)",
      "\tlibc.so.6 => /lib/libc.so.6 (0x00007f50)",
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f51)",
    ];
    assert.deepEqual(parseLdd(said.join("\n")), ["/lib/libc.so.6", "/lib/libm.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    assert.throws(() => parseLdd("\tlibx.so.1 => not found\n"), /libx\.so\.1/);
  });
});

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
