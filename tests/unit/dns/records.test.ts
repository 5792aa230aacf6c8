import { presentation } from "../../../infra/dns/rdata";
import { mailRecords } from "../../../infra/dns/records";
import type { MailRecord } from "../../../infra/dns/record";
import { augustin, further } from "./fixtures";

/** Type, name, value, and what differs from a DNS-only record of this program. */
function rows(records: readonly MailRecord[]): string[] {
  return records.map(({ data, name, owner, proxied }) =>
    [
      data.type,
      name,
      presentation(data),
      ...(owner === "program" ? [] : [owner]),
      ...(proxied ? ["proxied"] : []),
    ].join(" "),
  );
}

const { dkim, routing, resend } = augustin();
const records = mailRecords(augustin());

describe("the documented domain", () => {
  it("has the seed's records to the letter", () => {
    expect(rows(records)).toEqual(
      expect.arrayContaining([
        "MX augustin.ai 50 route1.mx.cloudflare.net. email-routing",
        "MX augustin.ai 64 route2.mx.cloudflare.net. email-routing",
        "MX augustin.ai 82 route3.mx.cloudflare.net. email-routing",
        'TXT augustin.ai "v=spf1 include:_spf.mx.cloudflare.net ~all" email-routing',
        'TXT _dmarc.augustin.ai "v=DMARC1; p=reject; rua=mailto:postmaster@augustin.ai; ruf=mailto:postmaster@augustin.ai"',
        `TXT 202602e._domainkey.augustin.ai "v=DKIM1; k=ed25519; p=${dkim.ed25519.publicKey}"`,
        'TXT _smtp._tls.augustin.ai "v=TLSRPTv1; rua=mailto:postmaster@augustin.ai"',
        `TXT resend._domainkey.augustin.ai "${resend.records[2]?.value ?? ""}"`,
        "CNAME autoconfig.augustin.ai stalwart.augustin.ai. proxied",
        "CNAME autodiscover.augustin.ai stalwart.augustin.ai. proxied",
        "SRV _imaps._tcp.augustin.ai 0 1 993 stalwart.augustin.ai.",
        "SRV _submissions._tcp.augustin.ai 0 1 465 stalwart.augustin.ai.",
        "SRV _jmap._tcp.augustin.ai 0 1 443 stalwart.augustin.ai.",
      ]),
    );
    expect(text("202602r._domainkey.augustin.ai")).toBe(`v=DKIM1; k=rsa; p=${dkim.rsa.publicKey}`);
  });

  it("adds what the rules of 2026 ask for", () => {
    expect(rows(records)).toEqual(
      expect.arrayContaining([
        "CNAME _mta-sts.augustin.ai _mta-sts.mx.cloudflare.net.",
        "AAAA mta-sts.augustin.ai 100:: proxied",
        "CNAME stalwart.augustin.ai tunnel-id.cfargotunnel.com. proxied",
        "CNAME inbound.augustin.ai tunnel-id.cfargotunnel.com. proxied",
        'CAA augustin.ai 0 issue "letsencrypt.org"',
        'CAA augustin.ai 0 issue "pki.goog"',
        'CAA augustin.ai 0 issue "ssl.com"',
        'CAA augustin.ai 0 iodef "mailto:root@augustin.ai"',
        "SRV _caldavs._tcp.augustin.ai 0 1 443 stalwart.augustin.ai.",
        "SRV _carddavs._tcp.augustin.ai 0 1 443 stalwart.augustin.ai.",
        "SRV _submission._tcp.augustin.ai 0 1 587 stalwart.augustin.ai.",
        "SRV _sieve._tcp.augustin.ai 0 0 0 .",
        "SRV _imap._tcp.augustin.ai 0 0 0 .",
        "SRV _pop3._tcp.augustin.ai 0 0 0 .",
        "SRV _pop3s._tcp.augustin.ai 0 0 0 .",
        "MX send.augustin.ai 10 feedback-smtp.eu-west-1.amazonses.com.",
        'TXT send.augustin.ai "v=spf1 include:amazonses.com ~all"',
      ]),
    );
    expect(text("cf2024-1._domainkey.augustin.ai")).toBe(routing.dkim);
  });

  it("has nothing else", () => {
    // The last two are the TCP tunnel's names.
    expect(records).toHaveLength(14 + 18 + 2);
  });

  it("keeps the MX and its SPF away from this program", () => {
    const apex = records.filter(({ name, data }) => name === "augustin.ai" && ["MX", "TXT"].includes(data.type));
    expect(apex.map(({ owner }) => owner)).toEqual(Array(4).fill("email-routing"));
  });

  it("names each record in a stable way", () => {
    expect(records.map(({ key }) => key)).toEqual(
      expect.arrayContaining([
        "txt-_dmarc",
        "txt-202602r._domainkey",
        "srv-_imaps._tcp",
        "cname-autoconfig",
        "aaaa-mta-sts",
        "txt-@",
        expect.stringMatching(/^mx-@-[0-9a-f]{8}$/),
        expect.stringMatching(/^caa-@-[0-9a-f]{8}$/),
      ]),
    );
  });
});

describe("a further domain", () => {
  const records = mailRecords(further());

  it("asks the zones of both report addresses for their consent", () => {
    const consents = records.filter(({ zone }) => zone !== "example.co.uk");
    expect(consents.map(({ zone, name, owner, data }) => ({ zone, name, owner, data }))).toEqual([
      {
        zone: "augustin.ai",
        name: "example.co.uk._report._dmarc.augustin.ai",
        owner: "program",
        data: { type: "TXT", text: "v=DMARC1" },
      },
      {
        zone: "example.net",
        name: "example.co.uk._report._dmarc.reports.example.net",
        owner: "program",
        data: { type: "TXT", text: "v=DMARC1" },
      },
    ]);
  });

  it("takes Resend's CNAMEs as they are", () => {
    expect(rows(records)).toEqual(
      expect.arrayContaining([
        "CNAME send.example.co.uk send.u1.resend-dns.example.",
        "CNAME r2._domainkey.example.co.uk r2.dkim.resend-dns.example.",
      ]),
    );
  });

  it("has no CAA without issuers and no cf2024-1 while Cloudflare's value is unknown", () => {
    expect(records.filter(({ data, name }) => data.type === "CAA" || name.startsWith("cf2024-1"))).toEqual([]);
  });

  it("refuses every known service that is not listed", () => {
    const refused = records.filter(({ data }) => data.type === "SRV" && data.target === ".").map(({ name }) => name);
    expect(refused).toEqual(
      ["caldavs", "carddavs", "imap", "imaps", "pop3", "pop3s", "submission", "submissions"].map(
        (service) => `_${service}._tcp.example.co.uk`,
      ),
    );
  });
});

describe("DMARC", () => {
  it.each([
    ["postmaster@mail.augustin.ai", []],
    ["one@users.github.io", ["augustin.ai._report._dmarc.users.github.io"]],
    ["x@reports.example.com", ["augustin.ai._report._dmarc.reports.example.com"]],
  ])("reports to %s", (aggregateAddress, names) => {
    const settings = augustin({ dmarc: { policy: "none", aggregateAddress, failureAddress: aggregateAddress } });
    const found = mailRecords(settings).filter(({ name }) => name.includes("._report._dmarc."));
    expect(found.map(({ name }) => name)).toEqual(names);
  });

  it("has no ruf without an address and escapes what would end the URI", () => {
    const settings = augustin({
      dmarc: { policy: "none", aggregateAddress: "a!b;c+d@augustin.ai", failureAddress: undefined },
    });
    expect(text("_dmarc.augustin.ai", mailRecords(settings))).toBe(
      "v=DMARC1; p=none; rua=mailto:a%21b%3Bc+d@augustin.ai",
    );
  });
});

function text(name: string, among = records): string | undefined {
  const data = among.find((record) => record.name === name)?.data;
  return data?.type === "TXT" ? data.text : undefined;
}
