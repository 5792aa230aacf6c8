import { XMLParser, XMLValidator } from "fast-xml-parser";

import { bundleWorker } from "../../infra/edge/bundle";
import { type FetchAnswer, type FetchInit, runEmailWorker } from "../../sandbox/edge/worker-runtime";
import type { RunningWorker } from "../../sandbox/edge/worker-runtime";
import type { PublicEnv } from "../../worker/src/public-env";

const DOMAIN = "example.org";
const SERVER = "mail.example.org";
/** IMAP and submission may be elsewhere. */
const CLIENTS = "imap.example.org";
const BINDINGS: PublicEnv = {
  MAIL_DOMAIN: DOMAIN,
  SERVER_HOSTNAME: SERVER,
  CLIENTS_HOSTNAME: CLIENTS,
  SERVICES: "jmap,caldavs,carddavs,imaps,submissions,submission",
  DISPLAY_NAME: 'Tom & "Jerry" <mail>',
};
const OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
const MOBILE = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";
const DISCOVER = `https://autodiscover.${DOMAIN}/autodiscover/autodiscover.xml`;
const CONFIG = `https://autoconfig.${DOMAIN}/mail/config-v1.1.xml`;

const started: RunningWorker[] = [];
const outbound: string[] = [];

function start(changes: Partial<PublicEnv> = {}, without?: keyof PublicEnv): RunningWorker {
  const bindings = Object.entries({ ...BINDINGS, ...changes }).filter(([name]) => name !== without);
  const worker = runEmailWorker({
    script: bundleWorker("public"),
    bindings: bindings.map(([name, text]) => ({ type: "plain_text", name, text })),
    compatibilityDate: "2026-06-01",
    outbound: (request) => {
      outbound.push(request.url);
      return Promise.reject(new Error("home is down"));
    },
  });
  started.push(worker);
  return worker;
}

const worker = start();
afterEach(() => expect(outbound).toEqual([]));
afterAll(() => Promise.all(started.map((one) => one.dispose())));

/** As parsed by somebody else's parser, after its own check that it is well-formed. */
function parsed(answer: FetchAnswer): unknown {
  const text = answer.body.toString();
  expect(XMLValidator.validate(text)).toBe(true);
  expect(answer.headers.get("content-type")).toBe("application/xml; charset=utf-8");
  return new XMLParser({ ignoreAttributes: false, ignoreDeclaration: true, htmlEntities: true }).parse(text);
}

function request(address: string, schema = OUTLOOK): string {
  return (
    '<?xml version="1.0" encoding="utf-8"?>\r\n' +
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">' +
    `<Request><EMailAddress>${address}</EMailAddress>` +
    `<AcceptableResponseSchema>${schema}</AcceptableResponseSchema></Request></Autodiscover>`
  );
}

function post(body: string | Buffer, url = DISCOVER, to = worker): Promise<FetchAnswer> {
  return to.fetch(url, { method: "POST", body, headers: { "content-type": "text/xml; charset=utf-8" } });
}

/** The error form: its code and message, and nothing that was asked. */
function errorOf(answer: FetchAnswer): string {
  const error: unknown = expect.objectContaining({
    "@_Time": expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{7}$/) as string,
    "@_Id": "1",
    ErrorCode: expect.any(Number) as number,
    Message: expect.any(String) as string,
    DebugData: "",
  });
  expect(answer.status).toBe(200);
  expect(parsed(answer)).toEqual({
    Autodiscover: {
      "@_xmlns": "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006",
      Response: { Error: error },
    },
  });
  const [, code = ""] = /<ErrorCode>(\d+)</.exec(answer.body.toString()) ?? [];
  return code;
}

function loginNames(answer: FetchAnswer): string[] {
  return [...answer.body.toString().matchAll(/<LoginName>(.*?)<\/LoginName>/g)].map(([, name = ""]) => name);
}

describe("Thunderbird", () => {
  const server = (type: string, port: number, socketType: string) => ({
    "@_type": type,
    hostname: CLIENTS,
    port,
    socketType,
    authentication: "password-cleartext",
    username: "%EMAILADDRESS%",
  });

  it("finds everything at the first address that it tries", async () => {
    const answer = await worker.fetch(`${CONFIG}?emailaddress=root%40${DOMAIN}`);
    expect(answer.status).toBe(200);
    expect(parsed(answer)).toEqual({
      clientConfig: {
        "@_version": "1.1",
        emailProvider: {
          "@_id": DOMAIN,
          domain: DOMAIN,
          displayName: BINDINGS.DISPLAY_NAME,
          displayShortName: BINDINGS.DISPLAY_NAME,
          incomingServer: server("imap", 993, "SSL"),
          outgoingServer: [server("smtp", 465, "SSL"), server("smtp", 587, "STARTTLS")],
        },
      },
    });
  });

  it("gets the same along its whole lookup order, with TLS and, by a redirect, without", async () => {
    const expected = await worker.fetch(CONFIG);
    for (const query of ["", "?emailaddress=", "?emailaddress=a%26b%40other.test", "?emailaddress=<x>&emailaddress=y"])
      for (const address of [
        CONFIG,
        `https://autoconfig.${DOMAIN}/.well-known/autoconfig/mail/config-v1.1.xml`,
        `https://${DOMAIN}/.well-known/autoconfig/mail/config-v1.1.xml`,
      ]) {
        const answer = await worker.fetch(address + query);
        expect({ address, status: answer.status }).toEqual({ address, status: 200 });
        expect(answer.body.toString()).toBe(expected.body.toString());
        const plain = await worker.fetch((address + query).replace("https:", "http:"));
        expect(plain.status).toBe(302);
        expect(plain.headers.get("location")).toBe(new URL(address + query).href);
      }
  });

  it.each<[services: string, smtp: readonly number[]]>([
    ["imaps,submissions", [465]],
    ["imaps,submission", [587]],
    ["sieve,imaps", []],
  ])("is told of %s only what is listed", async (services, smtp) => {
    const answer = await start({ SERVICES: services }).fetch(CONFIG);
    expect(XMLValidator.validate(answer.body.toString())).toBe(true);
    const ports = [...answer.body.toString().matchAll(/<port>(\d+)</g)].map(([, port]) => Number(port));
    expect(ports).toEqual([993, ...smtp]);
  });

  it.each(["", "jmap", "submissions"])("finds nothing when there is no incoming server (%j)", async (services) => {
    expect((await start({ SERVICES: services }).fetch(CONFIG)).status).toBe(404);
  });

  it("may keep the answer for an hour", async () => {
    expect((await worker.fetch(CONFIG)).headers.get("cache-control")).toBe("public, max-age=3600");
  });
});

describe("Outlook", () => {
  const protocol = (type: string, port: number, encryption: string) => ({
    Type: type,
    Server: CLIENTS,
    Port: port,
    LoginName: `root@${DOMAIN}`,
    DomainRequired: "off",
    SPA: "off",
    SSL: "on",
    Encryption: encryption,
    AuthRequired: "on",
  });

  it("gets IMAP and SMTP with the address as login name", async () => {
    const answer = await post(request(`root@${DOMAIN}`));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(parsed(answer)).toEqual({
      Autodiscover: {
        "@_xmlns": "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006",
        Response: {
          "@_xmlns": OUTLOOK,
          User: { AutoDiscoverSMTPAddress: `root@${DOMAIN}` },
          Account: {
            AccountType: "email",
            Action: "settings",
            Protocol: [protocol("IMAP", 993, "SSL"), protocol("SMTP", 465, "SSL")],
          },
        },
      },
    });
  });

  it.each([
    DISCOVER,
    `https://autodiscover.${DOMAIN}/Autodiscover/Autodiscover.xml`,
    `https://autodiscover.${DOMAIN}/AutoDiscover/AutoDiscover.XML`,
    `https://${DOMAIN}/autodiscover/autodiscover.xml`,
  ])("posts to %s", async (url) => {
    expect(loginNames(await post(request(`root@${DOMAIN}`), url))).toHaveLength(2);
  });

  it("is led from http to https, its third step", async () => {
    const answer = await worker.fetch(DISCOVER.replace("https:", "http:"));
    expect(answer.status).toBe(302);
    expect(answer.headers.get("location")).toBe(DISCOVER);
  });

  it.each<[what: string, body: string, login: string]>([
    ["white space, namespaces", `<a:EMailAddress>\r\n  r@${DOMAIN} </a:EMailAddress>`, `r@${DOMAIN}`],
    ["upper case", `<EMailAddress>Root.X+Tag@EXAMPLE.org</EMailAddress>`, `root.x+tag@${DOMAIN}`],
    ["a quote that XML escapes", `<EMailAddress>o'hara@${DOMAIN}</EMailAddress>`, `o&#39;hara@${DOMAIN}`],
    ["no schema", `<EMailAddress>root@${DOMAIN}</EMailAddress>`, `root@${DOMAIN}`],
  ])("may write %s", async (_, body, login) => {
    const answer = await post(body);
    parsed(answer);
    expect(loginNames(answer)).toEqual([login, login]);
  });

  it("gets only what is listed", async () => {
    const bodyOf = async (services: string) => {
      const answer = await post(request(`root@${DOMAIN}`), DISCOVER, start({ SERVICES: services }));
      return `${answer.status} ${[...answer.body.toString().matchAll(/<(?:Type|Port|Encryption)>(\w+)/g)].map(([, text]) => text).join(" ")}`;
    };
    expect(await bodyOf("imaps")).toBe("200 IMAP 993 SSL");
    expect(await bodyOf("imaps,submission")).toBe("200 IMAP 993 SSL SMTP 587 TLS");
    expect(await bodyOf("jmap,sieve")).toBe("404 ");
  });

  it("gets the error form for GET", async () => {
    expect(errorOf(await worker.fetch(DISCOVER))).toBe("600");
  });

  it("gets error 601 for the schema of ActiveSync", async () => {
    expect(errorOf(await post(request(`root@${DOMAIN}`, MOBILE)))).toBe("601");
  });

  it.each([
    "root@example.net",
    `root@${DOMAIN}.example.net`,
    `root@sub.${DOMAIN}`,
    `root@x@${DOMAIN}`,
    `@${DOMAIN}`,
    DOMAIN,
    `.root@${DOMAIN}`,
    `ro..ot@${DOMAIN}`,
    `root.@${DOMAIN}`,
    `${"a".repeat(65)}@${DOMAIN}`,
    `"root"@${DOMAIN}`,
    `root\u0000@${DOMAIN}`,
    `rööt@${DOMAIN}`,
    `root\u202e@${DOMAIN}`,
    `root>@${DOMAIN}`,
  ])("is not told about %j, which is not repeated", async (address) => {
    const answer = await post(request(address));
    expect(["500", "600"]).toContain(errorOf(answer));
    expect(answer.body.toString()).not.toContain("@");
  });

  it.each<[what: string, body: string]>([
    ["nothing", ""],
    ["no XML", "email=root@example.org"],
    ["no address", request("")],
    ["an element inside", request(`<b>root@${DOMAIN}</b>`)],
    ["an element after", request(`root@${DOMAIN}<script/>`)],
    ["a character reference", request(`root&#64;${DOMAIN}`)],
    ["an entity", request(`&x;@${DOMAIN}`)],
    ["CDATA", request(`<![CDATA[root@${DOMAIN}]]>`)],
    ["a DTD", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>${request(`root@${DOMAIN}`)}`],
    ["a DTD in lower case", `<!doctype a>${request(`root@${DOMAIN}`)}`],
    ["two addresses in one", request(`root@${DOMAIN} other@${DOMAIN}`)],
    ["a long address", request(`${"a".repeat(5000)}@${DOMAIN}`)],
    ["another encoding", Buffer.from(request(`root@${DOMAIN}`), "utf16le").toString("latin1")],
  ])("that sends %s gets error 600", async (_, body) => {
    const answer = await post(body);
    expect(errorOf(answer)).toBe("600");
    expect(answer.body.toString()).not.toContain(DOMAIN);
  });

  it("may not send more than a request", async () => {
    const filler = (size: number) => `${" ".repeat(size)}${request(`root@${DOMAIN}`)}`;
    expect((await post(filler(15_000))).status).toBe(200);
    expect((await post(filler(17_000))).status).toBe(413);
    // Not more than a socket buffers: the answer comes before the end of the request, and the connection is closed then.
    expect((await post(Buffer.alloc(60_000, "<EMailAddress>"))).status).toBe(413);
  });

  it("costs no time with input made for backtracking", async () => {
    const start = performance.now();
    await post("<EMailAddress> ".repeat(1_000));
    await post(`<EMailAddress>${"a".repeat(290)} ${" ".repeat(15_000)}`);
    await post(request(`${".".repeat(200)}@${DOMAIN}`));
    expect(performance.now() - start).toBeLessThan(4_000);
  });

  it.each([
    "/autodiscover/autodiscover.json?Email=root%40example.org&Protocol=Autodiscoverv1",
    "/autodiscover/autodiscover.json?Protocol=AutodiscoverV1&RedirectCount=1",
    "/AutoDiscover/AutoDiscover.json?protocol=autodiscoverv1",
    "/autodiscover/autodiscover.json/v1.0/root%40example.org?Protocol=Autodiscoverv1",
  ])("is sent from V2 %s to the first version", async (path) => {
    const answer = await worker.fetch(`https://autodiscover.${DOMAIN}${path}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(JSON.parse(answer.body.toString())).toEqual({ Protocol: "Autodiscoverv1", Url: DISCOVER });
  });

  it.each([
    ["", "MissingProtocol"],
    ["?Protocol=", "MissingProtocol"],
    ["?Protocol=ActiveSync", "InvalidProtocol"],
    ["?Protocol=%3Cscript%3E", "InvalidProtocol"],
  ])("that asks V2 for %j is told %s", async (query, code) => {
    const answer = await worker.fetch(`https://autodiscover.${DOMAIN}/autodiscover/autodiscover.json${query}`);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString())).toEqual({ ErrorCode: code, ErrorMessage: expect.any(String) as string });
    expect(answer.body.toString()).not.toMatch(/ActiveSync|script/);
  });
});

describe("who knows only the domain", () => {
  it.each(["jmap", "caldav", "carddav"])("is sent to the server's own /.well-known/%s", async (name) => {
    for (const host of [DOMAIN, `autoconfig.${DOMAIN}`]) {
      const answer = await worker.fetch(`https://${host}/.well-known/${name}`, {
        method: name === "jmap" ? "GET" : "PROPFIND",
      });
      expect(answer.status).toBe(307);
      expect(answer.headers.get("location")).toBe(`https://${SERVER}/.well-known/${name}`);
    }
  });

  it("is not sent to a service that is not listed", async () => {
    expect((await start({ SERVICES: "imaps" }).fetch(`https://${DOMAIN}/.well-known/jmap`)).status).toBe(404);
  });
});

describe("everybody else", () => {
  it.each([
    "https://mta-sts.example.org/mail/config-v1.1.xml",
    "https://mta-sts.example.org/.well-known/jmap",
    "https://autoconfig.example.org/",
    "https://autoconfig.example.org/mail/config-v1.1.xml/",
    "https://autoconfig.example.org/mail//config-v1.1.xml",
    "https://autoconfig.example.org/MAIL/config-v1.1.xml",
    "https://autoconfig.example.org/.well-known/mail-v1.xml",
    "https://autoconfig.example.org/.well-known/mta-sts.txt",
    "https://autoconfig.example.org/autodiscover/autodiscover.xml",
    "https://autodiscover.example.org/mail/config-v1.1.xml",
    "https://autodiscover.example.org/autodiscover/autodiscover.json/v1.0/a/b?Protocol=Autodiscoverv1",
    "https://autodiscover.example.org/.well-known/jmap",
    "https://example.org/",
    "https://example.org/mail/config-v1.1.xml",
    "https://www.example.org/healthz",
    "https://mail.example.org/.well-known/jmap",
    "https://autoconfig.example.net/mail/config-v1.1.xml",
    "https://autoconfig.example.org.example.net/mail/config-v1.1.xml",
    "http://autoconfig.example.net/mail/config-v1.1.xml",
  ])("%s is not there", async (url) => {
    const answer = await worker.fetch(url);
    expect({ status: answer.status, body: answer.body.toString() }).toEqual({ status: 404, body: "not found\n" });
  });

  it.each(["mta-sts", "autoconfig", "autodiscover"])("sees of %s's health that it answers, no more", async (label) => {
    for (const method of ["GET", "HEAD"]) {
      const answer = await worker.fetch(`https://${label}.${DOMAIN}/healthz`, { method });
      expect({ status: answer.status, size: answer.body.length }).toEqual({ status: 204, size: 0 });
      expect(answer.headers.get("cache-control")).toBe("no-store");
    }
  });

  const READ = "GET, HEAD";
  it.each<[url: string, allow: string]>([
    [CONFIG, READ],
    [DISCOVER, "GET, HEAD, POST"],
    [`https://autodiscover.${DOMAIN}/autodiscover/autodiscover.json?Protocol=Autodiscoverv1`, READ],
    [`https://autoconfig.${DOMAIN}/.well-known/jmap`, "GET, HEAD, PROPFIND"],
    [`https://autoconfig.${DOMAIN}/healthz`, READ],
    [`https://mta-sts.${DOMAIN}/.well-known/mta-sts.txt`, READ],
  ])("may only do with %s: %s", async (url, allow) => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"]) {
      if (allow.includes(method)) continue;
      const init: FetchInit = method === "OPTIONS" ? { method } : { method, body: "x" };
      const answer = await worker.fetch(url, init);
      expect({ method, status: answer.status, allow: answer.headers.get("allow") }).toEqual({
        method,
        status: 405,
        allow,
      });
    }
  });

  it.each([
    CONFIG,
    DISCOVER,
    `https://autoconfig.${DOMAIN}/nothing`,
    `https://autodiscover.${DOMAIN}/autodiscover/autodiscover.json`,
  ])("gets for HEAD %s what GET has, without body", async (url) => {
    const [get, head] = [await worker.fetch(url), await worker.fetch(url, { method: "HEAD" })];
    expect(head.status).toBe(get.status);
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
    expect(get.body.length).toBeGreaterThan(0);
    expect(head.body.length).toBe(0);
  });

  it.each([
    CONFIG,
    DISCOVER,
    `https://autoconfig.${DOMAIN}/healthz`,
    `https://autoconfig.${DOMAIN}/no`,
    `http://autoconfig.${DOMAIN}/`,
  ])("gets the security headers with %s", async (url) => {
    const { headers } = await worker.fetch(url);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get("strict-transport-security")).toBe("max-age=31536000");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("set-cookie")).toBeNull();
  });
});

test.each(Object.keys(BINDINGS) as (keyof PublicEnv)[])("without %s nothing is answered", async (name) => {
  const answer = await start({}, name).fetch(CONFIG);
  expect(answer.status).toBe(500);
  expect(answer.body.toString()).not.toContain("clientConfig");
});
