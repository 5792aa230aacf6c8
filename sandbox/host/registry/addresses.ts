import { BlockList, isIP } from "node:net";

/** Whether an IP address is one of these addresses and networks (`192.0.2.1`, `2001:db8::/32`). */
export function isAmong(ip: string, networks: readonly string[]): boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list.check(ip, isIP(ip) === 6 ? "ipv6" : "ipv4");
}

/**
 * The client's address, as seen by a Stalwart with `useXForwarded` (crates/http/src/request.rs, 0.16.18): `Forwarded` first, then the
 * first of `X-Forwarded-For`, from anyone; otherwise the peer.
 */
export function clientOf(headers: Readonly<Record<string, string | undefined>>, peer: string): string {
  const forwarded = /for=["[ ]*([0-9a-f.:]+)/i.exec(headers["forwarded"] ?? "")?.[1];
  const first = headers["x-forwarded-for"]?.split(",")[0]?.trim();
  return [forwarded, first].find((text) => text !== undefined && isIP(text) !== 0) ?? peer;
}
