import { isIP } from "node:net";

import { type Dns, Unreachable } from "../context";

/** Where to connect to. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Finds the place of a name, or of an address, and port. @throws Unreachable */
export type Places = (hostname: string, port: number) => Place | Promise<Place>;

/**
 * Where the internet finds a name. The system may know another address: on a machine of the tailnet the server's name leads
 * to the host itself, past the edge that is to be looked at.
 */
export function publicPlaces(dns: Pick<Dns, "resolve">): Places {
  return async (name, port) => {
    if (isIP(name) !== 0) return { host: name, port };
    for (const type of ["A", "AAAA"] as const) {
      const [first] = (await dns.resolve(name, type)).records;
      if (first) return { host: first.value, port };
    }
    throw new Unreachable(`${name} has no address`);
  };
}
