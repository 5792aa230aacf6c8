/**
 * The internet of a lab beneath a real command: loaded before it (NODE_OPTIONS), it turns connections to public addresses and
 * to port 53 into ones to the lab's servers on loopback. MAIL_STACK_LAB has their ports and what the system finds for names.
 */
import dgram from "node:dgram";
import dns from "node:dns/promises";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import process from "node:process";

const { ports, edge, mx, tailnet, names } = JSON.parse(process.env.MAIL_STACK_LAB);

const placeOf = (host, port) => {
  if (port === 53) return { host, port: ports.dns };
  if (host === edge) return { host: "127.0.0.1", port: ports.https };
  if (host === mx) return { host: "127.0.0.1", port: ports.smtp };
  // A machine of the tailnet: names that the system knows lead home.
  if (host === tailnet || names.includes(host)) return { host: "127.0.0.1", port: ports.home };
  return { host, port };
};

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  if (typeof options === "object" && options.port !== undefined)
    Object.assign(options, placeOf(options.host, Number(options.port)));
  return connect.apply(this, args);
};

const connectUdp = dgram.Socket.prototype.connect;
dgram.Socket.prototype.connect = function (port, address, done) {
  return connectUdp.call(this, placeOf(address, port).port, address, done);
};

const lookup = dns.lookup;
dns.lookup = (name, ...more) =>
  names.includes(name) ? Promise.resolve({ address: tailnet, family: 4 }) : lookup(name, ...more);

syncBuiltinESMExports();
