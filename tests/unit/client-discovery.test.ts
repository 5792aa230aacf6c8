import { mailRecords } from "../../infra/dns/records";
import type { Settings } from "../../infra/settings/settings";
import { settingsOf } from "../../infra/settings/stack-file";
import { renderProfile } from "../../worker/src/apple-profile";
import { providerOf } from "../../ops/client/provider";
import { standIns } from "../../sandbox/stand-ins";
import { startTcpLab, type TcpLab } from "../tcp-lab";

/** What a client asks, in its own order, and the answer that ends its search. */
interface Lookup {
  readonly asked: readonly string[];
  readonly answer: string;
}

let lab: TcpLab;
beforeAll(async () => {
  lab = await startTcpLab({ services: '["jmap","caldavs","carddavs","imaps","submissions","submission","sieve"]' });
  // What follows is answered while home is down, or not at all.
  await lab.outside.host.pause();
});
afterAll(() => lab.outside.close());

/** Asks one address after the other until one answers 200; redirects are followed as clients do. */
async function search(addresses: readonly string[], init: RequestInit = {}): Promise<Lookup> {
  const asked: string[] = [];
  for (const address of addresses) {
    let next: string | null = address;
    for (let hops = 0; next !== null && hops < 5; hops += 1) {
      asked.push(next);
      const response: Response = await lab.outside.fetch(next, init);
      if (response.status === 200) return { asked, answer: await response.text() };
      const location = response.headers.get("location");
      next = location === null ? null : new URL(location, next).href;
    }
  }
  throw new Error(`nobody answers: ${asked.join(", ")}`);
}

/** Host and port of each server in Thunderbird's configuration, or Outlook's. */
function servers(answer: string): readonly string[] {
  const pattern = /<(?:hostname|Server)>(.*?)<\/(?:hostname|Server)>\s*<(?:port|Port)>(\d+)</g;
  return [...answer.matchAll(pattern)].map(([, host = "", port = ""]) => `${host}:${port}`);
}

/** `target:port` of a service's SRV record. */
function srv(settings: Settings, label: string): string | undefined {
  const record = mailRecords(settings).find(({ name }) => name === `${label}._tcp.${settings.domain}`);
  return record?.data.type === "SRV" ? `${record.data.target}:${record.data.port}` : undefined;
}

describe("a client that knows the address alone", () => {
  const domain = () => lab.settings.domain;
  const address = () => lab.settings.primaryAddress;

  it("Thunderbird: the first of its addresses answers, and names what the SRV records name", async () => {
    const query = `?emailaddress=${encodeURIComponent(address())}`;
    // comm-central, FetchConfig / AutoconfigUtils: the provider's own name, then the domain; each with TLS first.
    const order = [
      `https://autoconfig.${domain()}/mail/config-v1.1.xml${query}`,
      `https://${domain()}/.well-known/autoconfig/mail/config-v1.1.xml`,
      `http://autoconfig.${domain()}/mail/config-v1.1.xml${query}`,
      `http://${domain()}/.well-known/autoconfig/mail/config-v1.1.xml`,
    ];
    const { asked, answer } = await search(order);
    expect(asked).toEqual(order.slice(0, 1));
    expect(servers(answer)).toEqual([
      srv(lab.settings, "_imaps"),
      srv(lab.settings, "_submissions"),
      srv(lab.settings, "_submission"),
    ]);
    // The third, for clients that begin without TLS, leads to the first.
    expect((await search(order.slice(2))).asked).toEqual([order[2], order[0]]);
  });

  it("Outlook: the second of its addresses answers, because the first is the website's", async () => {
    // [MS-OXDISCO] section 3.1.5: the domain, the name autodiscover, and a redirect without TLS.
    const order = [
      `https://${domain()}/autodiscover/autodiscover.xml`,
      `https://autodiscover.${domain()}/autodiscover/autodiscover.xml`,
    ];
    const schema = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
    const request = {
      method: "POST",
      headers: { "content-type": "text/xml; charset=utf-8" },
      body:
        '<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">' +
        `<Request><EMailAddress>${address()}</EMailAddress><AcceptableResponseSchema>${schema}</AcceptableResponseSchema></Request></Autodiscover>`,
    };
    const { asked, answer } = await search(order, request);
    expect(asked).toEqual(order);
    expect(servers(answer)).toEqual([srv(lab.settings, "_imaps"), srv(lab.settings, "_submissions")]);
    expect(answer).toContain(`<LoginName>${address()}</LoginName>`);
    const redirected = await lab.outside.fetch(`http://autodiscover.${domain()}/autodiscover/autodiscover.xml`);
    expect(redirected.headers.get("location")).toBe(order[1]);
    const json = `https://autodiscover.${domain()}/autodiscover/autodiscover.json?Email=${address()}&Protocol=AutodiscoverV1`;
    expect(JSON.parse((await search([json])).answer)).toEqual({ Protocol: "Autodiscoverv1", Url: order[1] });
  });

  it("an iPhone: the address of the QR code gives the profile", async () => {
    const { answer } = await search([
      `https://autoconfig.${domain()}/mail.mobileconfig?emailaddress=${encodeURIComponent(address())}`,
    ]);
    expect(answer).toBe(await renderProfile(providerOf(lab.settings), address()));
  });

  it("a JMAP client: the SRV record names a server that answers, once home is up", async () => {
    const target = srv(lab.settings, "_jmap") ?? "";
    expect(target).toBe(`${lab.settings.hostnames.server}:443`);
    await lab.outside.host.resume();
    try {
      const { primaryAddress, stalwart } = lab.settings;
      const credentials = `${primaryAddress}:${stalwart.accountPassword.reveal()}`;
      const headers = { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
      const { answer } = await search([`https://${target.replace(":443", "")}/.well-known/jmap`], { headers });
      expect(JSON.parse(answer)).toMatchObject({ username: primaryAddress });
      const led = await lab.outside.fetch(`https://autoconfig.${domain()}/.well-known/jmap`);
      expect(led.headers.get("location")).toBe(`https://${lab.settings.hostnames.server}/.well-known/jmap`);
    } finally {
      await lab.outside.host.pause();
    }
  });
});

it.each<[mode: string, clients: string]>([
  ["off", "stalwart.augustin.ai"],
  ["split-dns", "stalwart.augustin.ai"],
  ["dns-record", "imap.augustin.ai"],
])("with the tailnet %s all ways name the same host for mail: %s", async (mode, clients) => {
  const invented = standIns("prod");
  const settings = settingsOf("prod", { ...invented, values: { ...invented.values, tailnet: mode } });
  expect(settings.hostnames.clients).toBe(clients);
  expect([srv(settings, "_imaps"), srv(settings, "_submissions")]).toEqual([`${clients}:993`, `${clients}:465`]);
  expect(await renderProfile(providerOf(settings), settings.primaryAddress)).toContain(`<string>${clients}</string>`);
  expect(srv(settings, "_jmap")).toBe("stalwart.augustin.ai:443");
});
