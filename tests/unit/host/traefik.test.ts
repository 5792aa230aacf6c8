import { addresses, TRAEFIK_PORTS } from "../../../infra/host/layout";
import { dynamicConfiguration } from "../../../infra/host/traefik/dynamic";
import { traefikFiles } from "../../../infra/host/traefik/files";
import { staticConfiguration } from "../../../infra/host/traefik/static";
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
    expect(withRecord.http.routers.websecure.rule).toBe(rule("Host"));
    for (const router of ["imaps", "submissions"]) expect(withRecord.tcp.routers[router]?.rule).toBe(rule("HostSNI"));
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
