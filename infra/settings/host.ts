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
