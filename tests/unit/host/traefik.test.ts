import { addresses, TRAEFIK_PORTS } from "../../../infra/host/layout";
import { dynamicConfiguration } from "../../../infra/host/traefik/dynamic";
import { traefikFiles } from "../../../infra/host/traefik/files";
import { SERVED_PATHS } from "../../../infra/host/traefik/served-paths";
import { staticConfiguration } from "../../../infra/host/traefik/static";
import type { Settings } from "../../../infra/settings/settings";
import { ruleMatches } from "../../../sandbox/host/programs/traefik-config";
import { expectGolden } from "../../golden";
import { byRecord, further } from "../dns/fixtures";
import { documented, EDGE_SECRETS } from "./fixtures";

const settings = documented();
const { entryPoints } = staticConfiguration(settings);
const { http, tcp } = dynamicConfiguration(settings);
const onEntryPoint = (name: string, routers: Readonly<Record<string, { entryPoints: readonly string[] }>>) =>
  Object.entries(routers).flatMap(([router, each]) => (each.entryPoints.includes(name) ? [router] : []));

describe("traefikFiles", () => {
  it.each([
    ["traefik/traefik.yaml", "host/traefik.yaml"],
    ["traefik/dynamic/mail.yaml", "host/traefik-dynamic.yaml"],
  ])("prints %s of the documented deployment", (path, golden) => {
    const file = traefikFiles(settings, EDGE_SECRETS).find((each) => each.path === path);
    expectGolden(golden, file?.content ?? "");
  });

  it("ships the token alone in its file, without a line feed", () => {
    const token = traefikFiles(settings, EDGE_SECRETS).filter(({ content }) =>
      content.includes(EDGE_SECRETS.acmeDnsToken),
    );
    expect(token).toMatchObject([
      { path: "traefik/secrets/cloudflare-dns-token", content: EDGE_SECRETS.acmeDnsToken, mode: "0600" },
    ]);
  });

  it("names nothing of another deployment", () => {
    const { host, ...rest } = further();
    const other = { ...rest, host: { ...host, subnet: "10.9.8.0/24" } };
    const text = traefikFiles(other, EDGE_SECRETS)
      .map(({ content }) => content)
      .join("");
    expect(text).not.toMatch(/augustin|172\.30/);
    expect(text).toContain("Host(`mail.example.co.uk`)");
    expect(text).toContain("10.9.8.148:993");
  });
});

describe("the names of clients", () => {
  const withRecord = dynamicConfiguration(byRecord());

  it("are in the one certificate, the server's first", () => {
    const names = { main: "stalwart.augustin.ai", sans: ["imap.augustin.ai"] };
    expect(withRecord.http.routers.websecure.tls.domains).toEqual([names]);
    // Without services for laptops too.
    const clientTcp = { services: [], people: [] };
    expect(dynamicConfiguration(byRecord({ clientTcp })).http.routers.websecure.tls.domains).toEqual([names]);
    const one = dynamicConfiguration(documented({ clientTcp }));
    expect(one.http.routers.websecure.tls.domains).toEqual([{ main: "stalwart.augustin.ai" }]);
  });

  it("each lead to HTTPS, IMAP and submission", () => {
    const rule = (kind: string) => `${kind}(\`stalwart.augustin.ai\`) || ${kind}(\`imap.augustin.ai\`)`;
    expect(withRecord.http.routers.websecure.rule.startsWith(`(${rule("Host")}) && `)).toBe(true);
    for (const router of ["imaps", "submissions"]) expect(withRecord.tcp.routers[router]?.rule).toBe(rule("HostSNI"));
  });
});

describe("the paths that Stalwart hears of", () => {
  const { server } = settings.hostnames;
  const routed = (entryPoint: string, path: string, adminAccess: Settings["adminAccess"], site?: string) =>
    Object.entries(dynamicConfiguration(documented({ adminAccess })).http.routers)
      .filter(([, router]) => (router.entryPoints as readonly string[]).includes(entryPoint))
      .some(([, { rule }]) =>
        ruleMatches(rule, server, path, (name) => (name === "sec-fetch-site" ? site : undefined)),
      );

  it.each([
    "/jmap",
    "/jmap/ws",
    "/jmap/eventsource/",
    "/dav/cal/a",
    "/.well-known/jmap",
    "/.well-known/carddav",
    "/login",
  ])("%s is one, at the public name and on the tailnet", (path) => {
    for (const adminAccess of ["access", "public", "tailnet"] as const)
      expect(["tunnel", "websecure"].map((way) => routed(way, path, adminAccess))).toEqual([true, true]);
  });

  it.each(["/x.php", "/wp-login.php", "/jmapx", "/metrics/prometheus", "/scim/v2/Users", "/adminx", "/.well-known/x"])(
    "%s is none",
    (path) => {
      for (const way of ["tunnel", "websecure", "admin"]) expect(routed(way, path, "access")).toBe(false);
    },
  );

  it.each([
    ["access", [false, true, true]],
    ["public", [true, false, true]],
    ["tailnet", [false, false, true]],
  ] as const)(
    "the web interface with mail:adminAccess %s: by tunnel, behind Access, on the tailnet: %j",
    (access, ways) => {
      for (const path of ["/admin", "/admin/", "/account/x"])
        expect(["tunnel", "admin", "websecure"].map((way) => routed(way, path, access))).toEqual(ways);
      expect(routed("admin", "/jmap", access)).toBe(false);
    },
  );

  it("are closed to pages of other sites where a password is checked, and open where none is", () => {
    for (const way of ["tunnel", "websecure"]) {
      for (const path of ["/jmap/session", "/dav/cal", "/auth/token", "/api/auth"])
        expect(
          ["cross-site", "same-site", "same-origin", "none"].map((site) => routed(way, path, "access", site)),
        ).toEqual([false, true, true, true]);
      expect(routed(way, "/.well-known/caldav", "access", "cross-site")).toBe(true);
      expect(routed(way, "/login", "access", "cross-site")).toBe(true);
    }
  });

  it("each have a reason, and none is there twice", () => {
    expect(new Set(SERVED_PATHS.map(({ path }) => path)).size).toBe(SERVED_PATHS.length);
    for (const { path, why } of SERVED_PATHS) expect([path, why]).not.toEqual([path, ""]);
  });
});

describe("the entry points", () => {
  it("all face the tunnels only, but for the health check", () => {
    const { edge } = addresses(settings.host.subnet);
    for (const [name, port] of Object.entries(TRAEFIK_PORTS).filter(([point]) => point !== "lmtp"))
      expect(entryPoints).toHaveProperty([name, "address"], `${name === "ping" ? "127.0.0.1" : edge.traefik}:${port}`);
  });

  it("have no route of another kind where the server speaks first", () => {
    for (const name of ["submission", "sieve", "submissionTunnel", "sieveTunnel"] as const) {
      expect(onEntryPoint(name, http.routers)).toEqual([]);
      const routes = onEntryPoint(name, tcp.routers);
      expect(routes).toHaveLength(1);
      expect(tcp.routers[routes[0] ?? ""]).toMatchObject({ rule: "HostSNI(`*`)" });
      expect(tcp.routers[routes[0] ?? ""]).not.toHaveProperty("tls");
    }
  });

  it("let a PROXY header in where the sidecar comes, and nowhere else", () => {
    const { edge } = addresses(settings.host.subnet);
    const believing = Object.entries(entryPoints).filter(([, { proxyProtocol }]) => proxyProtocol !== undefined);
    expect(believing.map(([name]) => name)).toEqual(["websecure", "imaps", "submissions", "submission", "sieve"]);
    for (const [, { proxyProtocol }] of believing) expect(proxyProtocol).toEqual({ trustedIPs: [edge.tailscale] });
  });

  it("each have a route, but for the health check", () => {
    for (const name of Object.keys(TRAEFIK_PORTS).filter((each) => each !== "ping" && each !== "lmtp"))
      expect([name, onEntryPoint(name, { ...http.routers, ...tcp.routers }).length]).toEqual([
        name,
        // The Worker's question has a router of its own there.
        name === "inbound" ? 2 : 1,
      ]);
  });
});

describe("the question whether a message has arrived", () => {
  it.each(["jmap", "lmtp"] as const)(
    "leads to its service under the protected name only, one path, by %s too",
    (way) => {
      const { http: routing } = dynamicConfiguration(documented({ inboundDelivery: way }));
      const { arrivals } = addresses(settings.host.subnet).mail;
      expect(routing.routers.arrivals).toEqual({
        entryPoints: ["inbound"],
        rule: `Host(\`${settings.hostnames.inbound}\`) && Path(\`/arrivals\`)`,
        middlewares: ["as-peer"],
        service: "arrivals",
      });
      expect(routing.services.arrivals.loadBalancer.servers).toEqual([{ url: `http://${arrivals}:8090` }]);
      const others = Object.entries(routing.routers).filter(([name]) => name !== "arrivals");
      expect(others.filter(([, { service }]) => service === "arrivals")).toEqual([]);
    },
  );
});
