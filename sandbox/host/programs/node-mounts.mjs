// Loaded by node before a program that runs in a container of the sandbox: its paths become those of the host's folders
// that are mounted, and the names of other containers become ports on loopback. Environment: SANDBOX_CONTAINER, JSON
// {mounts: [{source, target, readOnly}], ports: {"name:port": port}, isService}. A service ends with the
// sandbox, also when that is killed: then its standard input ends. It listens on any port of loopback, says which by a
// message {port, loopback}, and takes {ports} as those of the other containers from then on.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { join } from "node:path";
import process from "node:process";

let { mounts, ports, isService } = JSON.parse(process.env["SANDBOX_CONTAINER"] ?? "{}");
delete process.env["SANDBOX_CONTAINER"];

if (isService) {
  process.stdin.once("end", () => process.exit(0)).resume();
  process.stdin.unref();
  process.on("message", (message) => {
    ports = message.ports;
    process.send({ hasPorts: true });
  });
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (port, host, ...rest) {
    this.once("listening", () => process.send({ port, loopback: this.address().port }));
    return listen.call(this, 0, "127.0.0.1", ...rest);
  };
}

const WRITES =
  /^(writeFile|appendFile|mkdir|rm|unlink|rename|chmod|chown|truncate|symlink|link|copyFile|utimes|mkdtemp)/;
const TWO_PATHS = /^(rename|copyFile|link|symlink|cp)/;

function mapped(path, isWrite, call) {
  if (typeof path !== "string" || !path.startsWith("/")) return path;
  const mount = mounts.find(({ target }) => path === target || path.startsWith(`${target}/`));
  if (!mount) return path;
  if (isWrite && mount.readOnly)
    throw Object.assign(new Error(`EROFS: read-only file system, ${call} '${path}'`), { code: "EROFS" });
  return join(mount.source, path.slice(mount.target.length));
}

function isWriting(name, args) {
  if (WRITES.test(name)) return true;
  return /^open/.test(name) && typeof args[1] === "string" && /[wa+]/.test(args[1]);
}

function wrap(module) {
  for (const [name, original] of Object.entries(module)) {
    if (typeof original !== "function" || /^[A-Z_]/.test(name)) continue;
    module[name] = Object.assign((...args) => {
      const writes = isWriting(name, args);
      args[0] = mapped(args[0], writes, name);
      if (TWO_PATHS.test(name)) args[1] = mapped(args[1], true, name);
      return original.apply(module, args);
    }, original);
  }
}

wrap(fs);
wrap(fs.promises);
const { connect } = net;
net.connect = net.createConnection = (...args) => {
  const [options] = args;
  const path = options?.path ?? options?.socketPath;
  if (typeof path === "string") {
    args[0] = { ...options, path: mapped(path, false, "connect") };
    return connect(...args);
  }
  if (typeof options !== "object" || options === null || options.host === undefined) return connect(...args);
  const { host, hostname = host, port } = options;
  const isOther = Object.keys(ports).some((name) => name.startsWith(`${hostname}:`));
  const there = ports[`${hostname}:${port}`];
  // Port 1 of loopback: refused, as where nobody listens.
  if (isOther) args[0] = { ...options, host: "127.0.0.1", hostname: "127.0.0.1", port: there ?? 1 };
  return connect(...args);
};
syncBuiltinESMExports();
