import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { hostsFile, linkName, nsswitchConf, podLink, quote, resolvConf } from "./pod-setup.ts";

describe("the files of a pod", () => {
  it("resolv.conf searches the pod's own namespace first", () => {
    const [server, search, options] = resolvConf("bookstore").split("\n");
    assert.equal(server, "nameserver 10.244.0.1");
    assert.equal(search, "search bookstore.svc.cluster.local svc.cluster.local cluster.local");
    assert.equal(options, "options ndots:5");
  });

  it("hosts names the pod itself and localhost", () => {
    const text = hostsFile({ ip: "10.244.0.10", hostname: "web-1" });
    assert.match(text, /^127\.0\.0\.1\tlocalhost$/m);
    assert.match(text, /^10\.244\.0\.10\tweb-1$/m);
  });

  it("nsswitch.conf keeps users and drops the host's other sources of names", () => {
    const text = nsswitchConf(
      "passwd: files sss\nhosts:   mymachines resolve [!UNAVAIL=return] files dns\nservices: files\n",
    );
    assert.equal(text, "passwd: files sss\nservices: files\nhosts: files dns\n");
    assert.equal(nsswitchConf(""), "hosts: files dns\n");
  });
});

describe("the link of a pod", () => {
  it("has one name and one hardware address per pod address, within the kernel's limits", () => {
    assert.equal(podLink("10.244.3.200"), "02:00:0a:f4:03:c8");
    const addresses = ["10.244.1.23", "10.244.12.3", "10.244.255.254"];
    assert.equal(new Set(addresses.map(linkName)).size, addresses.length);
    assert.ok(addresses.every((ip) => linkName(ip).length <= 15));
  });
});

describe("quote", () => {
  it("makes one word of anything", () => {
    const word = "a 'b' \"c\" $HOME `id` \\ ; rm";
    assert.equal(execFileSync("sh", ["-c", `printf %s ${quote(word)}`], { encoding: "utf8" }), word);
  });
});
