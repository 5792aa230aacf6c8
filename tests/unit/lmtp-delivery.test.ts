import { mailRecords } from "../../infra/dns/records";
import { doors } from "../../infra/edge/ingress";
import { addresses, STALWART_PORTS } from "../../infra/host/layout";
import { stalwartPlan } from "../../infra/host/stalwart/plan";
import { dynamicConfiguration } from "../../infra/host/traefik/dynamic";
import { staticConfiguration } from "../../infra/host/traefik/static";
import { documented } from "./host/fixtures";

/** What mail:inboundDelivery changes in what is declared. */

const jmap = documented();
const lmtp = documented({ inboundDelivery: "lmtp" });
const { edge, mail } = addresses(jmap.host.subnet);

test("the name of the way in is proxied, and there only when mail comes by it", () => {
  const of = (settings: typeof jmap) => mailRecords(settings).filter(({ name }) => name === "lmtp.augustin.ai");
  expect(of(jmap)).toEqual([]);
  expect(of(lmtp)).toMatchObject([{ proxied: true, data: { type: "CNAME", target: { tunnel: "http" } } }]);
  expect(mailRecords(lmtp).length - mailRecords(jmap).length).toBe(1);
});

test("the tunnel carries TCP to Traefik's own entry point for it, behind Access", () => {
  expect(doors(lmtp).at(-1)).toEqual({
    hostname: "lmtp.augustin.ai",
    service: "tcp://traefik:10024",
    guardedBy: ["lmtp.augustin.ai"],
  });
});

test("Traefik lets cloudflared alone through, on the network that faces the tunnels, and writes no PROXY header", () => {
  expect(staticConfiguration(jmap).entryPoints).not.toHaveProperty("lmtp");
  expect(staticConfiguration(lmtp).entryPoints).toMatchObject({ lmtp: { address: `${edge.traefik}:10024` } });
  expect(staticConfiguration(lmtp).entryPoints.lmtp).not.toHaveProperty("proxyProtocol");
  const { tcp } = dynamicConfiguration(lmtp);
  expect(tcp.routers["lmtp"]).toEqual({
    entryPoints: ["lmtp"],
    rule: "HostSNI(`*`)",
    middlewares: ["cloudflared-only"],
    service: "lmtp",
  });
  expect(tcp).toMatchObject({
    middlewares: { "cloudflared-only": { ipAllowList: { sourceRange: [edge.cloudflared] } } },
  });
  expect(tcp.services).toMatchObject({
    lmtp: {
      loadBalancer: { servers: [{ address: `${mail.stalwart}:${STALWART_PORTS.lmtp}` }], serversTransport: "lmtp" },
    },
  });
  expect(tcp.serversTransports).toMatchObject({ lmtp: { dialTimeout: "5s" } });
  expect(JSON.stringify(dynamicConfiguration(jmap))).not.toContain("lmtp");
});

test("Stalwart's plan has the same lines in both ways, but for the listener and the filter's rules", () => {
  const [one, other] = [stalwartPlan(jmap), stalwartPlan(lmtp)];
  expect(one.length).toBe(other.length);
  const different = other.filter((line, index) => JSON.stringify(line) !== JSON.stringify(one[index]));
  expect(different.map(({ object }) => object)).toEqual(["SpamSettings", "NetworkListener"]);
});

test("the listener asks for no login, believes no PROXY header and speaks no TLS; the others are as before", () => {
  const listeners = stalwartPlan(lmtp).find(({ object }) => object === "NetworkListener")?.value ?? {};
  expect((listeners as Record<string, unknown>)["listen-lmtp"]).toEqual({
    name: "lmtp",
    protocol: "lmtp",
    bind: { "0.0.0.0:24": true },
    useTls: false,
    tlsImplicit: false,
    overrideProxyTrustedNetworks: {},
  });
  const auth = stalwartPlan(lmtp).find(({ object }) => object === "MtaStageAuth")?.value;
  expect(auth).toMatchObject({
    require: { match: { "0": { if: "listener == 'lmtp'", then: "false" } }, else: "true" },
  });
});

test("throttles, waiting and checks of the connection do not touch the Worker", () => {
  const of = (object: string) => JSON.stringify(stalwartPlan(lmtp).filter((line) => line.object === object));
  // A throttle looks at `else` only.
  expect(of("MtaInboundThrottle").match(/"else":"is_empty\(authenticated_as\) && listener != 'lmtp'"/g)).toHaveLength(
    2,
  );
  expect(of("MtaStageRcpt")).toContain(`{"if":"listener == 'lmtp'","then":"100ms"}`);
  expect(of("SenderAuth")).toContain(
    `"dmarcVerify":{"match":{"0":{"if":"listener == 'lmtp'","then":"relaxed"}},"else":"disable"}`,
  );
  expect(of("SenderAuth")).toContain(`"spfFromVerify":{"match":{},"else":"disable"}`);
  expect(of("AllowedIp")).toContain(mail.traefik);
});
