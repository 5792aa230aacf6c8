import * as pulumi from "@pulumi/pulumi";
import { Dns } from "../../../infra/dns/dns";
import { mailRecords } from "../../../infra/dns/records";
import type { Settings } from "../../../infra/settings/settings";
import { augustin, further } from "./fixtures";

type Inputs = Record<string, unknown>;

/** Registrations by logical name, as the engine receives them. */
let registered: Map<string, { type: string; inputs: Inputs }>;

/** Options by logical name; mocks do not show them, a transformation does. */
let options: Map<string, pulumi.CustomResourceOptions>;

async function declare(settings: Settings, zoneIds: Record<string, string>, protect = true): Promise<Dns> {
  registered = new Map();
  options = new Map();
  await pulumi.runtime.setMocks({
    newResource: ({ name, type, inputs }) => {
      registered.set(name, { type, inputs: inputs as Inputs });
      return { id: name, state: { ...(inputs as Inputs), ds: "augustin.ai. 3600 IN DS 2371 13 2 ABCD" } };
    },
    call: () => ({}),
  });
  const note: pulumi.ResourceTransformation = ({ name, opts }) => {
    options.set(name, opts);
    return undefined;
  };
  const { domain } = settings;
  const tunnelId = pulumi.output("tid");
  const args = { domain, records: mailRecords(settings), zoneIds, tunnelId, protect };
  const dns = new Dns("mail", args, { transformations: [note] });
  await pulumi.runtime.disconnect();
  return dns;
}

const named = (name: string): Inputs | undefined => registered.get(name)?.inputs;

describe("Dns", () => {
  it("makes the shapes that the provider reads back unchanged", async () => {
    const settings = augustin();
    await declare(settings, { "augustin.ai": "z1" });
    const rsa = `v=DKIM1; k=rsa; p=${settings.dkim.rsa.publicKey}`;
    const expected: Record<string, Inputs> = {
      "mail-txt-_dmarc": {
        type: "TXT",
        name: "_dmarc.augustin.ai",
        ttl: 300,
        content: '"v=DMARC1; p=reject; rua=mailto:postmaster@augustin.ai; ruf=mailto:postmaster@augustin.ai"',
      },
      "mail-txt-202602r._domainkey": {
        type: "TXT",
        name: "202602r._domainkey.augustin.ai",
        ttl: 300,
        content: `"${rsa.slice(0, 255)}" "${rsa.slice(255)}"`,
      },
      "mail-srv-_imaps._tcp": {
        type: "SRV",
        name: "_imaps._tcp.augustin.ai",
        ttl: 300,
        priority: 0,
        data: { priority: 0, weight: 1, port: 993, target: "stalwart.augustin.ai" },
      },
      "mail-cname-stalwart": {
        type: "CNAME",
        name: "stalwart.augustin.ai",
        ttl: 1,
        proxied: true,
        content: "tid.cfargotunnel.com",
      },
      "mail-aaaa-mta-sts": { type: "AAAA", name: "mta-sts.augustin.ai", ttl: 1, proxied: true, content: "100::" },
      "mail-cname-_mta-sts": {
        type: "CNAME",
        name: "_mta-sts.augustin.ai",
        ttl: 300,
        proxied: false,
        content: "_mta-sts.mx.cloudflare.net",
      },
    };
    for (const [name, inputs] of Object.entries(expected)) {
      expect(named(name)).toEqual({ ...inputs, zoneId: "z1", comment: expect.any(String) as string });
    }
    const all = [...registered.values()].map(({ inputs }) => inputs);
    expect(all).toContainEqual(
      expect.objectContaining({ type: "CAA", data: { flags: 0, tag: "issue", value: "pki.goog" } }),
    );
    expect(all).toContainEqual(
      expect.objectContaining({ type: "MX", priority: 10, content: "feedback-smtp.eu-west-1.amazonses.com" }),
    );
  });

  it("leaves Email Routing's records alone and makes all others", async () => {
    const dns = await declare(augustin(), { "augustin.ai": "z1" });
    const mine = mailRecords(augustin()).filter(({ owner }) => owner === "program");
    const made = [...registered].filter(([, { type }]) => type === "cloudflare:index/dnsRecord:DnsRecord");
    expect(made.map(([name]) => name).sort()).toEqual(mine.map(({ key }) => `mail-${key}`).sort());
    for (const [name, { inputs }] of made) {
      expect(String(inputs["comment"]).length).toBeLessThanOrEqual(100);
      expect(String(inputs["comment"])).toMatch(/\.$/);
      expect(options.get(name)).toMatchObject({ parent: dns, deleteBeforeReplace: true });
      expect("content" in inputs && "data" in inputs).toBe(false);
    }
  });

  it.each([true, false])("protect %s holds for DKIM and DNSSEC only", async (protect) => {
    await declare(augustin(), { "augustin.ai": "z1" }, protect);
    const guarded = [...options].filter(([, made]) => made.protect === true).map(([name]) => name);
    expect(guarded.sort()).toEqual(
      protect
        ? ["mail-dnssec", "mail-txt-202602e._domainkey", "mail-txt-202602r._domainkey", "mail-txt-resend._domainkey"]
        : [],
    );
  });

  it("writes a consent into the zone of the report address when it has that zone, and leaves it out otherwise", async () => {
    await declare(further(), { "example.co.uk": "z2", "example.net": "z3" });
    expect(named("mail-txt-example.co.uk._report._dmarc.reports.example.net")).toMatchObject({ zoneId: "z3" });
    expect(named("mail-txt-example.co.uk._report._dmarc.augustin.ai")).toBeUndefined();
  });

  it("signs the mail domain's zone and no other, and hands out the DS record", async () => {
    const dns = await declare(further(), { "example.co.uk": "z2", "example.net": "z3" });
    const signed = [...registered.values()].filter(({ type }) => type.endsWith(":ZoneDnssec"));
    expect(signed.map(({ inputs }) => inputs)).toEqual([{ zoneId: "z2", status: "active" }]);
    expect(await new Promise((resolve) => dns.ds.apply(resolve))).toContain("IN DS");
  });

  it("says what is missing when the mail domain has no zone", async () => {
    await expect(declare(augustin(), {})).rejects.toThrow(/zoneIds has no id for augustin\.ai\. .+ Look the zone up/);
  });
});
