import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkFiles, checkPlatform, checkPrograms, checkRootless } from "./preflight.ts";

const FILES: Readonly<Record<string, string>> = {
  "/etc/subuid": "ann:100000:65536\n",
  "/etc/subgid": "ann:100000:65536\n",
  "/proc/sys/user/max_user_namespaces": "15000\n",
  "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
};
const ann = { name: "ann", id: 1001 };
const everything = (name: string) => `/usr/bin/${name}`;

function rootless(files: Readonly<Record<string, string>>, find: (name: string) => string | undefined = everything) {
  return checkRootless({ find, read: (path) => files[path], user: ann });
}

describe("checkRootless", () => {
  it("finds nothing missing where all is there", () => assert.deepEqual(rootless(FILES), []));

  it("names a switched-off kernel setting and how to switch it on", () => {
    for (const [path, value, way] of [
      ["/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=15000"],
      ["/proc/sys/kernel/unprivileged_userns_clone", "0\n", "kernel.unprivileged_userns_clone=1"],
      [
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1\n",
        "kernel.apparmor_restrict_unprivileged_userns=0",
      ],
    ] as const) {
      const [missing, ...more] = rootless({ ...FILES, [path]: value });
      assert.ok(missing?.what.includes(path) && missing.wayOut.includes(way));
      assert.deepEqual(more, []);
    }
  });

  it("names newuidmap with its packages", () => {
    const [missing] = rootless(FILES, (name) => (name === "newuidmap" ? undefined : everything(name)));
    assert.equal(missing?.what, "newuidmap");
    assert.match(missing?.wayOut ?? "", /apt install uidmap/);
  });

  it("names the file without a range, and the user", () => {
    const [missing, ...more] = rootless({ ...FILES, "/etc/subgid": "bob:1:65536" });
    assert.equal(missing?.what, "a subordinate id range for ann in /etc/subgid");
    assert.match(missing?.wayOut ?? "", /usermod .* ann/);
    assert.deepEqual(more, []);
  });
});

describe("the other checks", () => {
  it("name the platform", () => {
    assert.deepEqual(checkPlatform({ platform: "linux" }), []);
    assert.match(checkPlatform({ platform: "darwin" })[0]?.what ?? "", /darwin/);
  });

  it("name missing programs together", () => {
    const found = checkPrograms({ find: (name) => (["setpriv", "nsenter"].includes(name) ? undefined : name) });
    assert.equal(found[0]?.what, "nsenter, setpriv");
    assert.match(found[0]?.wayOut ?? "", /util-linux/);
  });

  it("name a missing resolv.conf: there would be nothing to mount a pod's over", () => {
    assert.deepEqual(checkFiles({ read: () => "" }), []);
    assert.match(checkFiles({ read: () => undefined })[0]?.wayOut ?? "", /touch \/etc\/resolv\.conf/);
  });
});
