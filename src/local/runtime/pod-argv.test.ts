import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { envoyProgram, execArgv, podArgv, podEnvironment } from "./pod-argv.ts";

const tools = { nsenter: "/nsenter", setpriv: "/setpriv", sh: "/sh" };

describe("podArgv", () => {
  it("enters the pod's namespaces, then drops to the user", () => {
    const argv = podArgv(tools, 12, { argv: ["serve", "--port", "80"], uid: 1000, gid: 2000 });
    assert.deepEqual(argv.slice(0, 8), ["/nsenter", "-t", "12", "-n", "-m", "-u", "-p", "--"]);
    assert.deepEqual(argv.slice(8, 14), ["/setpriv", "--reuid", "1000", "--regid", "2000", "--clear-groups"]);
    assert.deepEqual(argv.slice(-4), ["--", "serve", "--port", "80"]);
  });

  it("is root by default, and never with power over networks, mounts or other processes", () => {
    const argv = podArgv(tools, 12, { argv: ["serve"] });
    const bounding = argv[argv.indexOf("--bounding-set") + 1] ?? "";
    assert.equal(argv[argv.indexOf("--reuid") + 1], "0");
    assert.match(bounding, /^-all,/);
    assert.doesNotMatch(bounding, /net_admin|sys_admin|sys_ptrace|sys_module/);
  });

  it("gives the group of the same number where none is asked for", () => {
    const argv = podArgv(tools, 12, { argv: ["serve"], uid: 1000 });
    assert.equal(argv[argv.indexOf("--regid") + 1], "1000");
  });

  it("passes the working folder as a value, not as shell text", () => {
    const argv = podArgv(tools, 12, { argv: ["serve"], cwd: "/srv/$(id)" });
    assert.deepEqual(argv.slice(-3), ["cwd", "/srv/$(id)", "serve"]);
  });
});

describe("execArgv", () => {
  const order = { init: 4711, pid: 12, env: { A: "b c" }, program: { argv: ["id"] } };

  it("goes through the machine to the pod", () => {
    const argv = execArgv(tools, { ...order, rootless: false });
    assert.deepEqual(argv.slice(0, 7), ["/nsenter", "-t", "4711", "-m", "-p", "-n", "--"]);
    assert.deepEqual(argv.slice(7, 18), ["/nsenter", "-t", "12", "-n", "-m", "-u", "-p", "--", "env", "-i", "A=b c"]);
  });

  it("enters the user namespace first without root", () => {
    assert.deepEqual(execArgv(tools, { ...order, rootless: true }).slice(3, 5), ["-U", "--preserve-credentials"]);
  });
});

describe("podEnvironment", () => {
  const pod = { hostname: "web-1", mountPoint: "/media", uid: 0 };

  it("inherits the paths alone, and puts `osm` first", () => {
    const env = podEnvironment({ A: "1" }, pod, { PATH: "/mine", HOME: "/root", SECRET: "x" });
    assert.deepEqual(Object.keys(env).sort(), ["A", "HOME", "HOSTNAME", "PATH"]);
    assert.match(env["PATH"] ?? "", /^\/media\/bin:\/mine:/);
  });

  it("lets the manifest decide", () => {
    const env = podEnvironment({ PATH: "/app", HOME: "/data", HOSTNAME: "me" }, pod, { PATH: "/mine" });
    assert.deepEqual(env, { PATH: "/media/bin:/app", HOME: "/data", HOSTNAME: "me" });
  });

  it("gives another user no home of root's", () => {
    assert.equal(podEnvironment({}, { ...pod, uid: 1000 }, { HOME: "/root" })["HOME"], "/");
  });
});

describe("envoyProgram", () => {
  it("runs as the user that the redirection lets through", () => {
    const { argv, uid, gid } = envoyProgram("/media", { serviceCluster: "bookbuyer.bookbuyer" });
    assert.deepEqual([uid, gid], [1500, 1500]);
    assert.equal(argv[argv.indexOf("--service-cluster") + 1], "bookbuyer.bookbuyer");
    assert.equal(argv[argv.indexOf("--config-path") + 1], "/media/envoy/bootstrap.yaml");
  });
});
