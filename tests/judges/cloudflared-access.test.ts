import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net";

import { doors } from "../../infra/edge/ingress";
import { APPLICATION } from "../../sandbox/cloud/kinds/access";
import { TUNNEL, TUNNEL_CONFIG, tunnelToken } from "../../sandbox/cloud/kinds/tunnel";
import { isProps, listAt, type Props } from "../../sandbox/cloud/props";
import { assertion, AUTH_DOMAIN } from "../../sandbox/edge/access-login";
import { ASSERTION } from "../../sandbox/edge/connector-access";
import { startTcpLab, type TcpLab } from "../tcp-lab";
import { describeTool } from "../tools";
import { type Connector, startConnector } from "./cloudflared/connector";
import { type Internet, startInternet } from "./cloudflared/internet";

const GREETING = "* OK the service speaks\r\n";

/**
 * The real cloudflared on the ingress rules that the program declared, with only their services moved to loopback: it asks for
 * the token of Access itself, so an application that somebody deletes by hand opens nothing.
 */
describeTool("cloudflared")("cloudflared as the connector", () => {
  let lab: TcpLab;
  let internet: Internet;
  let connector: Connector;
  let web: Server;
  let tcp: TcpServer;

  beforeAll(async () => {
    lab = await startTcpLab({ inboundDelivery: "lmtp" });
    internet = await startInternet([AUTH_DOMAIN], lab.outside.tcpEdge.port);
    web = createServer((request, response) => response.end(`home ${request.url ?? ""}`));
    tcp = createTcpServer((socket) => void socket.on("error", () => undefined).write(GREETING));
    const [http, stream] = await Promise.all([web, tcp].map(listening));
    const { world } = lab.outside;
    const rules = listAt(world.find(TUNNEL_CONFIG, isProps)?.props ?? {}, "config.ingresses");
    const moved = rules.map((rule) => onTheWire(rule, { http: http ?? 0, tcp: stream ?? 0 }));
    const token = tunnelToken(world, world.all(TUNNEL)[0]?.id ?? "");
    connector = await startConnector(token, moved, internet);
  }, 90_000);
  afterAll(async () => {
    await connector.close();
    web.close();
    tcp.close();
    await internet.close();
    await lab.outside.close();
  });

  const audience = (domain: string) =>
    String(lab.outside.world.find(APPLICATION, (props) => props["domain"] === domain)?.props["aud"]);
  const letIn = (domain: string) => ({
    [ASSERTION]: assertion(lab.outside.world, audience(domain), { email: "root@augustin.ai" }),
  });
  /** The first request to each guarded door, and what its application is called. */
  const guarded = () =>
    doors(lab.settings)
      .filter(({ guardedBy }) => guardedBy.length > 0)
      .map(({ hostname, service, guardedBy: [domain = ""] }) => ({
        domain,
        url: `https://${domain === hostname ? `${hostname}/` : domain}`,
        kind: service.startsWith("tcp:") ? ("websocket" as const) : undefined,
      }));

  it("guards the Worker's ways, each TCP service and the web interface", () => {
    const kinds = guarded().map(({ domain, kind }) => [domain.replace(".augustin.ai", ""), kind]);
    expect(kinds).toEqual([
      ["stalwart/admin", undefined],
      ["inbound", undefined],
      ["imap-tcp", "websocket"],
      ["submission-tcp", "websocket"],
      ["sieve-tcp", "websocket"],
      ["lmtp", "websocket"],
    ]);
  });

  it("refuses every guarded door without a token of Access: the application may be gone", async () => {
    for (const { url, kind } of guarded())
      expect([url, (await connector.ask(url, {}, kind)).status]).toEqual([url, 403]);
    expect(connector.log()).toContain("no access token in request");
  });

  it("lets through at each door what its own application let in", async () => {
    for (const { url, kind, domain } of guarded()) {
      const { status, body } = await connector.ask(url, letIn(domain), kind);
      expect({ url, status, body: body.slice(0, 4) }).toEqual({
        url,
        status: 200,
        body: kind === "websocket" ? body.slice(0, 4) : "home",
      });
      if (kind === "websocket") expect(body).toContain("the service speaks");
    }
  });

  it("refuses another application's token at every door", async () => {
    for (const { url, kind, domain } of guarded()) {
      const other = domain.startsWith("inbound.") ? lab.settings.hostnames.lmtp : lab.settings.hostnames.inbound;
      expect([url, (await connector.ask(url, letIn(other), kind)).status]).toEqual([url, 403]);
    }
  });

  it("refuses a token that nobody signed, one that somebody changed, and nonsense", async () => {
    const { inbound } = lab.settings.hostnames;
    const [head = "", body = "", signature = ""] = letIn(inbound)[ASSERTION].split(".");
    const unsigned = Buffer.from('{"alg":"none"}').toString("base64url");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Props;
    const longer = Buffer.from(JSON.stringify({ ...claims, exp: 4_000_000_000 })).toString("base64url");
    for (const jwt of [`${unsigned}.${body}.`, `${head}.${longer}.${signature}`, "nonsense"]) {
      const { status, body: said } = await connector.ask(`https://${inbound}/`, { [ASSERTION]: jwt });
      expect([502, 403]).toContain(status);
      expect(said).not.toContain("home");
    }
  });

  it("asks nobody for a token where JMAP, DAV and discovery are, and everybody at the web interface", async () => {
    const { server } = lab.settings.hostnames;
    for (const path of ["/jmap/session", "/dav/cal", "/.well-known/jmap", "/administrator"])
      expect((await connector.ask(`https://${server}${path}`)).body).toBe(`home ${path}`);
    for (const path of ["/admin", "/admin/", "/admin/x", "/account", "/account/x", "/%61dmin"])
      expect([path, (await connector.ask(`https://${server}${path}`)).status]).toEqual([path, 403]);
    expect((await connector.ask(`https://${server}/account`, letIn(`${server}/account`))).status).toBe(200);
  });
});

async function listening(server: Server | TcpServer): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A declared rule as the API hands it to cloudflared; `traefik` is on loopback. */
function onTheWire(rule: Props, ports: { readonly http: number; readonly tcp: number }): object {
  const service = String(rule["service"]).replace(
    /^(http|tcp):\/\/traefik:\d+$/,
    (_, scheme: "http" | "tcp") => `${scheme}://127.0.0.1:${ports[scheme]}`,
  );
  const options = rule["originRequest"];
  if (!isProps(options) || !isProps(options["access"])) return { ...rule, service };
  const { audTags, ...access } = options["access"];
  return { ...rule, service, originRequest: { access: { ...access, audTag: audTags } } };
}
