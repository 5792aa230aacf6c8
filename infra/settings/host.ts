import { isIP } from "node:net";
import { nameFault } from "./domain";
import { bad, type Checked, good } from "./fault";

/** Checks the docker host's SSH address: a host name, also a single label that a resolver or tailnet knows, or an IP. */
export function parseHostAddress(text: string): Checked<string> {
  if (isIP(text) !== 0) return good(text);
  if (/^\d+(\.\d+)*$/.test(text)) return bad({ rule: "is no complete IP address" });
  const fault = nameFault(text);
  if (fault === undefined) return good(text);
  return text.includes("@") && !text.includes("://")
    ? bad({ ...fault, rule: "names a user too, which is mail:hostUser" })
    : bad(fault);
}

/** Checks an SSH port. */
export function parsePort(text: string): Checked<number> {
  if (!/^\d{1,9}$/.test(text)) return bad({ rule: "is not an integer" });
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? good(port) : bad({ rule: "is out of range" });
}

/** Checks a user name: POSIX.1-2017 §3.437, at most the 32 characters of Linux. */
export function parseUser(text: string): Checked<string> {
  if (text.length > 32) return bad({ rule: "is longer than 32 characters" });
  return /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(text) ? good(text) : bad({ rule: "is no POSIX user name" });
}

/** Checks the name of the folder below the user's home; it goes into shell scripts and unit files as it is. */
export function parseFolder(text: string): Checked<string> {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(text) ? good(text) : bad({ rule: "is no plain folder name" });
}

/** Checks a network for containers: RFC 1918 space, 256 addresses, written by its first one. */
export function parseSubnet(text: string): Checked<string> {
  const [address = "", length, ...more] = text.split("/");
  if (isIP(address) !== 4 || length !== "24" || more.length > 0)
    return bad({ rule: "is not an IPv4 network of 256 addresses" });
  const [first = 0, second = 0, , last] = address.split(".").map(Number);
  if (last !== 0)
    return bad({ rule: "does not begin at the network's first address", mend: text.replace(/\d+\/24$/, "0/24") });
  const isPrivate =
    first === 10 || (first === 172 && second >= 16 && second <= 31) || (first === 192 && second === 168);
  return isPrivate ? good(text) : bad({ rule: "is not private (RFC 1918)" });
}
