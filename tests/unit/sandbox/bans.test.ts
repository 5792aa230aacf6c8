import { bansOf } from "../../../sandbox/host/registry/bans";
import { createRegistry, type Registry } from "../../../sandbox/host/registry/registry";

/** The model of Stalwart's bans, against what was measured with 0.16.18 (facts: health, bans, limits). */

const SOMEBODY = "203.0.113.7";
const PROXY = "172.30.25.20";

function reload(registry: Registry): void {
  registry.invoke("x:SpamPyzor/set", { update: { singleton: { enable: false } } });
  registry.invoke("x:Action/set", { create: { reload: { "@type": "ReloadSettings" } } });
}

function registryWith(security: object = {}): Registry {
  const registry = createRegistry();
  registry.invoke("x:Security/set", { update: { singleton: security } });
  registry.invoke("x:AllowedIp/set", { create: { proxy: { address: PROXY, reason: "proxy" } } });
  reload(registry);
  return registry;
}

test.each(["/x.php", "/wp-login", "/.well-known/x.php", "/a/../b", "/WORDPRESS"])(
  "by default one request for %s bans, but never an allowed address",
  (path) => {
    const bans = bansOf(registryWith());
    bans.asked("/x", SOMEBODY);
    expect(bans.isBanned(SOMEBODY)).toBe(false);
    for (const ip of [SOMEBODY, PROXY, "127.0.0.1"]) bans.asked(path, ip);
    expect([SOMEBODY, PROXY, "127.0.0.1"].map((ip) => bans.isBanned(ip))).toEqual([true, false, false]);
  },
);

test("without paths no request bans", () => {
  const registry = registryWith({ scanBanPaths: {} });
  bansOf(registry).asked("/x.php", SOMEBODY);
  expect([...registry.stored("BlockedIp").values()]).toEqual([]);
});

test("the hundred and first wrong login of a day bans its address, for as long as the settings say", () => {
  const registry = registryWith({ authBanPeriod: 86_400_000 });
  const bans = bansOf(registry);
  const results = Array.from({ length: 101 }, () => bans.failed("root@example.org", SOMEBODY));
  expect(results.indexOf(true)).toBe(100);
  expect(bans.isBanned(SOMEBODY)).toBe(true);
  const [ban] = registry.stored("BlockedIp").values();
  expect(ban).toMatchObject({ address: SOMEBODY, reason: "authFailure" });
  expect(Date.parse(String(ban?.["expiresAt"])) - Date.now()).toBeGreaterThan(86_000_000);
});

test("a login that strangers have used up bans its owner at the first mistake", () => {
  const bans = bansOf(registryWith());
  for (let nth = 0; nth < 100; nth += 1) bans.failed("root@example.org", `198.51.100.${nth}`);
  expect(bans.failed("root@example.org", SOMEBODY)).toBe(true);
  expect(bans.failed("other@example.org", "192.0.2.1")).toBe(false);
});
