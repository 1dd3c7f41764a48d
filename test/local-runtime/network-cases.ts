/** What holds in a machine, whoever started it. Called by `root.test.ts` and `rootless.test.ts`. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { buildRedirection } from "../../src/core/inject/redirection.ts";
import { readLauncher } from "../../src/local/runtime/launcher-record.ts";
import { execArgv, podEnvironment } from "../../src/local/runtime/pod-argv.ts";
import { ENVOY_UID, MACHINE_ADDRESS, type ProbeAction, type ProbeResult } from "../../src/local/runtime/ports.ts";
import { envoyBinary } from "../../src/local/tools/envoy.ts";
import { systemTools } from "../../src/local/tools/system.ts";
import { population, TestMachine } from "./harness.ts";
import { plainBootstrap } from "./plain-envoy.ts";
import type { Starter } from "./starters.ts";

const WEB = "10.244.0.10";
const CLIENT = "10.244.0.11";
const VIP = "10.96.0.10";
/** Answers with the address that it was called from. */
const SERVER = `
from http.server import *
class H(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(self.client_address[0].encode())
    def log_message(self, *a): pass
ThreadingHTTPServer(("0.0.0.0", 8080), H).serve_forever()
`;
const REDIRECTION = buildRedirection({
  proxyUid: ENVOY_UID,
  inboundPortExclusions: [],
  outboundPortExclusions: [],
  outboundIpRangeExclusions: [],
  outboundIpRangeInclusions: [],
  interfaceExclusions: [],
});

export function networkCases(who: string, makeStarter: () => Starter): void {
  describe(`a machine started by ${who}`, () => {
    let starter: Starter;
    let machine: TestMachine;
    const curl = async (pod: string, url: string): Promise<string> => {
      const { code, output } = await machine.exec(pod, ["curl", "--silent", "--max-time", "5", url]);
      return code === 0 ? output : `curl ${code}`;
    };
    const probe = (pod: string, action: ProbeAction): Promise<ProbeResult> =>
      machine.order({ do: "probe", pod, action, timeout: 2_000 });
    const started = async (pod: string, port: number): Promise<void> => {
      for (let tries = 0; tries < 100; tries += 1) {
        if ((await probe(pod, { kind: "tcp", port })).ok) return;
        await sleep(50);
      }
      assert.fail(`${pod} does not listen on ${port}`);
    };
    const serve = async (pod: string): Promise<void> => {
      await machine.start(pod, ["python3", "-c", SERVER]);
      await started(pod, 8080);
    };

    before(async () => {
      starter = makeStarter();
      machine = await new TestMachine(starter, { envoy: starter.executable(await envoyBinary()) }).ready();
      await machine.pod("web", WEB);
      await machine.pod("client", CLIENT);
      await serve("web");
      const endpoints = [{ ip: WEB, port: 8080 }];
      await machine.order({
        do: "services",
        table: [
          { ip: VIP, port: 80, protocol: "tcp", endpoints },
          { ip: "10.96.0.11", port: 80, protocol: "tcp", endpoints: [] },
          { ip: "10.96.0.12", port: 5353, protocol: "tcp", endpoints: [{ ip: MACHINE_ADDRESS, port: 53 }] },
        ],
      });
      const ports = [{ name: "http", port: 80, protocol: "tcp" as const }];
      const services = [{ namespace: "shop", name: "web", clusterIp: VIP, ports, endpoints: [{ ip: WEB }] }];
      await machine.order({ do: "names", names: { services } });
    });
    after(async () => {
      await machine?.end();
      starter?.remove();
    });

    it("routes from pod to pod, keeping the source address", async () => {
      assert.equal(await curl("client", `http://${WEB}:8080/`), CLIENT);
    });

    it("translates a service address and its names", async () => {
      for (const host of [VIP, "web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"]) {
        assert.equal(await curl("client", `http://${host}/`), CLIENT, host);
      }
    });

    it("answers DNS over TCP too, by way of a service whose endpoint is the machine, as the control plane's is", async () => {
      const script =
        "import socket,struct\nq=bytes.fromhex('000701000001000000000000')+b'\\x03web\\x04shop\\x03svc\\x07cluster\\x05local\\0\\0\\1\\0\\1'\ns=socket.create_connection(('10.96.0.12',5353));s.sendall(struct.pack('>H',len(q))+q)\nprint(socket.inet_ntoa(s.recv(999)[-4:]))";
      const { output } = await machine.exec("client", ["python3", "-c", script]);
      assert.equal(output, `${VIP}\n`);
    });

    it("lets a pod reach itself through its service, from an address that is not the machine's", async () => {
      assert.equal(await curl("web", `http://${VIP}/`), "10.244.0.2");
    });

    it("refuses at once a service without endpoints, an unknown one, an unknown name, and the rest of the world", async () => {
      const before_ = Date.now();
      for (const host of ["10.96.0.11", "10.96.9.9", "192.0.2.1"])
        assert.equal(await curl("client", `http://${host}/`), "curl 7", host);
      for (const host of ["nothing.shop", "example.com"])
        assert.equal(await curl("client", `http://${host}/`), "curl 6", host);
      assert.ok(Date.now() - before_ < 4_000, `${Date.now() - before_} ms`);
    });

    it("gives a pod its own name, files and user, and `osm`", async () => {
      const script = "hostname; id -u; id -G; pwd; head -1 /etc/resolv.conf; tail -1 /etc/hosts; osm hello";
      const { output } = await machine.exec("client", ["sh", "-c", script], { uid: 1000, gid: 3000, cwd: "/tmp" });
      assert.equal(output, `client\n1000\n3000\n/tmp\nnameserver 10.244.0.1\n${CLIENT}\tclient\nosm hello\n`);
    });

    it("has files that other users of the pod can read and nobody can change, whatever the umask was", async () => {
      const script = "cat /etc/resolv.conf /etc/hosts /etc/nsswitch.conf >/dev/null && osm readable";
      assert.equal((await machine.exec("client", ["sh", "-c", script], { uid: 1000 })).output, "osm readable\n");
      assert.notEqual(
        (await machine.exec("client", ["sh", "-c", ": > /media/envoy/new 2>/dev/null || : > /boot/envoy/new"])).code,
        0,
      );
      await machine.pod("secret", "10.244.4.1", { files: { key: "private" } });
      for (const [uid, code] of [
        [1000, 1],
        [ENVOY_UID, 0],
      ] as const) {
        assert.equal(
          (
            await machine.exec("secret", ["sh", "-c", "cat /media/envoy/key 2>/dev/null || cat /boot/envoy/key"], {
              uid,
            })
          ).code,
          code,
        );
      }
    });

    it("keeps root in a pod from the pod's network and from mounts", async () => {
      for (const argv of [
        ["ip", "address", "add", "10.244.0.1/32", "dev", "eth0"],
        ["mount", "-t", "tmpfs", "none", "/mnt"],
        ["unshare", "--net", "true"],
      ]) {
        assert.notEqual((await machine.exec("client", argv)).code, 0, argv.join(" "));
      }
    });

    it("shows a pod its own processes only, and lets it end no others", async () => {
      const { output } = await machine.exec("client", [
        "sh",
        "-c",
        "trap '' TERM; pkill python3; kill -9 -1; ls -d /proc/[0-9]*",
      ]);
      assert.equal(output.includes("/proc/2000"), false);
      assert.ok(output.split("\n").length < 8, output);
      assert.equal(await curl("client", `http://${WEB}:8080/`), CLIENT);
    });

    it("stops a program by its own choice, and says how it ended", async () => {
      const pid = await machine.start(
        "client",
        ["sh", "-c", "trap 'sleep 0.2; exit 4' TERM; echo up; while :; do sleep 0.05; done"],
        { log: "stop" },
      );
      for (let tries = 0; tries < 100 && !machine.log("client", "stop").includes("up"); tries += 1) await sleep(20);
      await machine.order({ do: "stop", pid, grace: 5_000 });
      assert.deepEqual(await machine.order({ do: "wait", pid }), { code: 4, signal: null });
    });

    it("says in the log that a program does not exist", async () => {
      const { code, output } = await machine.exec("client", ["no-such-program"]);
      assert.equal(code, 127);
      assert.match(output, /no-such-program/);
    });

    it("reaps what a pod's processes leave behind", async () => {
      await machine.exec("client", ["sh", "-c", "for i in 1 2 3; do setsid sh -c 'sleep 0.1; exit 9' & done"]);
      await sleep(400);
      const { output } = await machine.exec("client", ["sh", "-c", "grep -l '^State:.Z' /proc/[0-9]*/status"]);
      assert.equal(output, "");
    });

    it("leads a meshed pod through Envoy both ways, but for Envoy's user and the machine's probes", async () => {
      const envoys: number[] = [];
      for (const [pod, ip] of [
        ["mesh-a", "10.244.1.1"],
        ["mesh-b", "10.244.1.2"],
      ] as const) {
        await machine.pod(pod, ip, { redirection: REDIRECTION, files: { "bootstrap.yaml": plainBootstrap() } });
        envoys.push(await machine.order<number>({ do: "envoy", pod, options: { serviceCluster: `${pod}.shop` } }));
        await started(pod, 15003);
      }
      await serve("mesh-a");
      // What Envoy dialled on the pod's own address is 127.0.0.1 for the application: so it was led through.
      assert.equal(await curl("mesh-b", "http://10.244.1.1:8080/"), "127.0.0.1");
      assert.equal(await curl("client", "http://10.244.1.1:4711/"), "127.0.0.1");
      const asEnvoy = await machine.exec("mesh-b", ["curl", "--silent", `http://${WEB}:8080/`], { uid: ENVOY_UID });
      assert.equal(asEnvoy.output, "10.244.1.2");
      await sleep(1_500);
      assert.match(machine.log("mesh-b", "envoy"), /^outbound 10\.244\.1\.2 10\.244\.1\.1:8080$/m);
      assert.match(machine.log("mesh-a", "envoy"), /^inbound 10\.244\.0\.11 127\.0\.0\.1:8080$/m);
      assert.doesNotMatch(machine.log("mesh-b", "envoy"), new RegExp(WEB));
      // With Envoy gone, no other pod gets through, and the probe goes on to see the application.
      await machine.order({ do: "stop", pid: envoys[0] ?? 0, grace: 1_000 });
      assert.equal(await curl("client", "http://10.244.1.1:8080/"), "curl 7");
      assert.deepEqual(await probe("mesh-a", { kind: "http", port: 8080, path: "/" }), {
        ok: true,
        detail: "HTTP 200",
      });
    });

    it("drops what a pod sends in the machine's name, which would pass its neighbours by", async () => {
      const listen =
        "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.bind(('0.0.0.0',9));s.settimeout(8)\nprint('up',flush=True)\nwhile 1:\n d,a=s.recvfrom(99);print(a[0],d.decode(),flush=True)\n if d==b'end': break";
      const pid = await machine.start("web", ["python3", "-c", listen], { log: "udp" });
      for (let tries = 0; tries < 100 && !machine.log("web", "udp").includes("up"); tries += 1) await sleep(50);
      const send =
        "import socket,struct,sys\nr=socket.socket(socket.AF_INET,socket.SOCK_RAW,socket.IPPROTO_RAW)\ndef go(src,text):\n u=struct.pack('>HHHH',7,9,8+len(text),0)+text\n h=struct.pack('>BBHHHBBH4s4s',69,0,20+len(u),1,0,64,17,0,socket.inet_aton(src),socket.inet_aton(sys.argv[1]))\n r.sendto(h+u,(sys.argv[1],0))\nfor s in ('10.244.0.1','10.244.0.99'): go(s,b'forged')\ngo(sys.argv[2],b'end')";
      const sent = await machine.exec("client", ["python3", "-c", send, WEB, CLIENT]);
      assert.deepEqual([sent.code, sent.output], [0, ""]);
      await machine.order({ do: "wait", pid });
      assert.equal(machine.log("web", "udp"), `up\n${CLIENT} end\n`);
    });

    it("runs a command in a pod from outside the machine", async () => {
      const { pid } = await machine.pod("outside", "10.244.2.1");
      const record = readLauncher(machine.stateDir);
      assert.ok(record?.init !== undefined);
      const env = podEnvironment({ WORD: "a b" }, { hostname: "outside", mountPoint: "/media", uid: 0 });
      const program = { argv: ["sh", "-c", 'hostname; echo "$WORD"; cat; exit 0'] };
      const argv = execArgv(systemTools(), { init: record.init.pid, rootless: record.rootless, pid, env, program });
      const [first = "", ...args] = [...starter.as, ...argv];
      assert.equal(execFileSync(first, args, { encoding: "utf8", input: "typed" }), "outside\na b\ntyped");
    });

    it("ends all that a pod runs, daemons included, and gives its address to the next", async () => {
      await machine.pod("old", "10.244.3.1");
      const space = (await machine.exec("old", ["readlink", "/proc/self/ns/net"])).output.trim();
      const script = "setsid setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' & sleep 0.2";
      await machine.exec("old", ["sh", "-c", script]);
      assert.ok(population("net", space).length >= 3);
      await machine.order({ do: "destroy", pod: "old", grace: 500 });
      assert.deepEqual(population("net", space), []);
      await machine.pod("new", "10.244.3.1");
      await serve("new");
      assert.equal(await curl("client", "http://10.244.3.1:8080/"), CLIENT);
    });

    it("leaves nothing of a pod that it could not make, and names it", async () => {
      await assert.rejects(
        machine.pod("bad", "10.244.3.9", { redirection: "*nat\n-A NOWHERE -j RETURN\nCOMMIT\n" }),
        /pod shop\/bad: .*iptables-restore: line 2 failed/,
      );
      await machine.pod("bad", "10.244.3.9");
      await serve("bad");
      assert.equal(await curl("client", "http://10.244.3.9:8080/"), CLIENT);
    });
  });
}
