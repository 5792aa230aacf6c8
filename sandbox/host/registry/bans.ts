import { isObject } from "../json";
import { isAmong } from "./addresses";
import type { Registry } from "./registry";

/** Addresses that Stalwart never bans. */
const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

/** Why Stalwart bans a client over HTTP (crates/common/src/network/security.rs, 0.16.18). */
export interface Bans {
  /** Every request of this address is answered with 403. */
  readonly isBanned: (ip: string) => boolean;
  /** A path that nothing answers: one request bans when it is among `scanBanPaths`. */
  readonly asked: (path: string, ip: string) => void;
  /**
   * A wrong login. Failures are counted for the address and, from all addresses, for the login. One too many of
   * either bans the address that sent the last one.
   *
   * @returns whether it banned
   */
  readonly failed: (login: string, ip: string) => boolean;
}

/** The bans of a server with this registry. */
export function bansOf(registry: Registry): Bans {
  const failures = new Map<string, number[]>();
  const addresses = (type: string) =>
    [...registry.stored(type).values()].flatMap(({ address }) => (typeof address === "string" ? [address] : []));
  const isAllowed = (ip: string) => isAmong(ip, [...LOOPBACK, ...addresses("AllowedIp")]);

  return {
    isBanned: (ip) => isAmong(ip, addresses("BlockedIp")) && !isAllowed(ip),
    asked: (path, ip) => {
      const { scanBanPaths } = registry.inEffect("Security");
      const patterns = isObject(scanBanPaths) ? Object.keys(scanBanPaths) : [];
      if (patterns.some((pattern) => matchesGlob(pattern, path)) && !isAllowed(ip)) ban(ip, "portScanning");
    },
    failed: (login, ip) => {
      const { authBanRate } = registry.inEffect("Security");
      if (!isObject(authBanRate) || isAllowed(ip)) return false;
      const rate = { count: Number(authBanRate["count"]), period: Number(authBanRate["period"]) };
      // The login is counted only while the address has not had too many.
      const isTooMany = isPast(`ip ${ip}`, rate) || (login !== "" && isPast(`login ${login}`, rate));
      if (isTooMany) ban(ip, "authFailure");
      return isTooMany;
    },
  };

  function isPast(key: string, { count, period }: { count: number; period: number }): boolean {
    const now = Date.now();
    const recent = [...(failures.get(key) ?? []), now].filter((at) => at > now - period);
    failures.set(key, recent);
    return recent.length > count;
  }

  /** All bans last as long as those for wrong logins. */
  function ban(address: string, reason: string): void {
    const { authBanPeriod } = registry.inEffect("Security");
    const expiresAt = typeof authBanPeriod === "number" ? new Date(Date.now() + authBanPeriod).toISOString() : null;
    registry.invoke("x:BlockedIp/set", { create: { ban: { address, reason, expiresAt } } });
  }
}

/** `*` stands for anything; case does not matter. */
function matchesGlob(pattern: string, path: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "is").test(path);
}
