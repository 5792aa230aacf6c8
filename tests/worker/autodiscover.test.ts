import {
  DISCOVER,
  DOMAIN,
  errorOf,
  loginNames,
  MOBILE,
  OUTLOOK,
  parsed,
  post,
  request,
  SERVER,
  start,
  worker,
} from "./public-worker";

describe("Outlook", () => {
  const protocol = (type: string, port: number, encryption: string) => ({
    Type: type,
    Server: SERVER,
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
    ["an ampersand, which is legal", request(`a&amp;b@${DOMAIN}`), `a&#38;b@${DOMAIN}`],
    ["character references", request(`r&#111;&#x6F;t&#64;${DOMAIN}`), `root@${DOMAIN}`],
    ["CDATA", request(`<![CDATA[a&b@${DOMAIN}]]>`), `a&#38;b@${DOMAIN}`],
    ["CDATA in between", request(`ro<![CDATA[ot]]>@${DOMAIN}`), `root@${DOMAIN}`],
    ["a comment in it", request(`root<!-- x@y -->@${DOMAIN}`), `root@${DOMAIN}`],
    [
      "attributes",
      request(`root@${DOMAIN}`).replace("<EMailAddress>", "<EMailAddress a='>' b=\"'\">"),
      `root@${DOMAIN}`,
    ],
    [
      "a bound prefix",
      request(`root@${DOMAIN}`)
        .replace("xmlns=", "xmlns:r=")
        .replace(/<(\/?)(?=[AER])/g, "<$1r:"),
      `root@${DOMAIN}`,
    ],
    [
      "white space in the tags",
      request(`root@${DOMAIN}`).replace("</EMailAddress>", "</EMailAddress\n>"),
      `root@${DOMAIN}`,
    ],
    ["a byte order mark", `\ufeff${request(`root@${DOMAIN}`)}`, `root@${DOMAIN}`],
    ["a processing instruction", request(`root@${DOMAIN}`).replace("<Request>", "<?a b?><Request>"), `root@${DOMAIN}`],
    ["no schema", `<EMailAddress>root@${DOMAIN}</EMailAddress>`, `root@${DOMAIN}`],
  ])("may write %s", async (_, body, login) => {
    const answer = await post(body);
    parsed(answer);
    expect(loginNames(answer)).toEqual([login, login]);
  });

  it.each<[BufferEncoding, string, string]>([
    ["utf16le", "\ufeff", "text/xml"],
    ["utf16le", "", "text/xml; charset=utf-16le"],
    ["latin1", "", 'text/xml; charset="iso-8859-1"'],
  ])("may write %s, as the mark %j or the type %j says", async (encoding, mark, type) => {
    const body = Buffer.from(`${mark}<EMailAddress a="\u00e9">root@${DOMAIN}</EMailAddress>`, encoding);
    const answer = await worker.fetch(DISCOVER, { method: "POST", body, headers: { "content-type": type } });
    expect(loginNames(answer)).toHaveLength(2);
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
    [
      "an element of another namespace",
      request("").replace("</Request>", `<a:EMailAddress xmlns:a="urn:a">root@${DOMAIN}</a:EMailAddress></Request>`),
    ],
    ["an address in a comment", request(`<!-- root@${DOMAIN} -->`)],
    [
      "an address in a comment before it",
      `<!-- <EMailAddress>root@${DOMAIN}</EMailAddress> -->${request("")}`.replace(
        /^(<!--.*-->)(<\?xml.*?\?>)/,
        "$2$1",
      ),
    ],
    [
      "an address in a processing instruction",
      request("").replace("<Request>", `<?x <EMailAddress>root@${DOMAIN}</EMailAddress>?><Request>`),
    ],
    [
      "an address in an attribute",
      request("").replace("<Request>", `<Request a="<EMailAddress>root@${DOMAIN}</EMailAddress>">`),
    ],
    [
      "an address in CDATA beside it",
      request("").replace("<Request>", `<Request><![CDATA[<EMailAddress>root@${DOMAIN}</EMailAddress>]]>`),
    ],
    ["two elements", request(`root@${DOMAIN}</EMailAddress><EMailAddress>other@${DOMAIN}`)],
    ["two documents", `${request(`root@${DOMAIN}`)}<b/>`],
    ["an end that is missing", request(`root@${DOMAIN}`).replace("</Autodiscover>", "")],
    ["an entity", request(`&x;@${DOMAIN}`)],
    ["an entity of HTML", request(`&commat;root@${DOMAIN}`)],
    ["a reference to no character", request(`root&#0;@${DOMAIN}`)],
    ["a bare &", request(`a&b@${DOMAIN}`)],
    ["deep elements", `${"<a>".repeat(1_000)}<EMailAddress>root@${DOMAIN}</EMailAddress>${"</a>".repeat(1_000)}`],
    ["a name that JavaScript knows", request(`root@${DOMAIN}`).replaceAll("Request>", "__proto__>")],
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

  it.each<[what: string, body: Buffer]>([
    [
      "bytes that are not of its encoding",
      Buffer.from(`<EMailAddress a="\u00e9">root@${DOMAIN}</EMailAddress>`, "latin1"),
    ],
    ["an unknown encoding", Buffer.from(request(`root@${DOMAIN}`).replace("utf-8", "utf-99"))],
    ["a mark that is not of its encoding", Buffer.from(`\u00ff\u00fe${request(`root@${DOMAIN}`)}`, "latin1")],
  ])("that sends %s gets error 600", async (_, body) => {
    expect(
      errorOf(await worker.fetch(DISCOVER, { method: "POST", body, headers: { "content-type": "text/xml" } })),
    ).toBe("600");
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
