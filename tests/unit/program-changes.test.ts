import { ACCOUNT_TOKEN, mayEditDns } from "../../sandbox/cloud/kinds/account-token";
import { newZone } from "../../sandbox/cloud/zone";
import { texts } from "./declared";
import { documentedProgram, named, names, type Ran, settings } from "./documented";

const { domain } = settings;
const run = documentedProgram();

describe("a change of the settings", () => {
  let before: Ran;
  beforeAll(async () => {
    before = await run();
  });

  /** Names that are new, and names that are gone. */
  const difference = (after: Ran) => ({
    more: names(after).filter((name) => !names(before).includes(name)),
    less: names(before).filter((name) => !names(after).includes(name)),
  });

  it("that adds a service renames nothing", async () => {
    const services = JSON.stringify(["sieve", ...settings.services]);
    const after = await run({ services });
    expect(difference(after)).toEqual({ more: [], less: [] });
    expect(named(before, "dns-srv-_sieve._tcp").inputs).toMatchObject({ data: { target: "." } });
    expect(named(after, "dns-srv-_sieve._tcp").inputs).toMatchObject({ data: { port: 4190 } });
  });

  it("that adds an issuer of certificates in front adds one record and renames nothing", async () => {
    const one = difference(await run({ caaIssuers: JSON.stringify(["pki.goog"]) }));
    const two = difference(await run({ caaIssuers: JSON.stringify(["sectigo.com", "pki.goog"]) }));
    // The address for reports comes with the first.
    expect(one).toEqual({ more: [expect.any(String), expect.any(String)], less: [] });
    expect(two).toEqual({ more: expect.arrayContaining(one.more) as unknown, less: [] });
    expect(two.more).toHaveLength(3);
    for (const name of two.more) expect(name).toMatch(/^dns-caa-@-[0-9a-f]{8}$/);
  });

  it("that adds a record of Resend's in front adds one record and renames nothing", async () => {
    const record = { record: "DKIM", type: "CNAME", name: "r9._domainkey", value: "r9.dkim.resend-dns.example" };
    const after = await run({ resendRecords: JSON.stringify([record, ...settings.resend.records]) });
    expect(difference(after)).toEqual({ more: ["dns-cname-r9._domainkey"], less: [] });
  });

  it("that takes Resend's records away is a next step", async () => {
    const after = await run({ resendRecords: "[]" });
    expect(difference(after).more).toEqual([]);
    expect(difference(after).less).toHaveLength(settings.resend.records.length);
    expect(after.outputs.nextSteps).toContainEqual(expect.stringContaining("mail:resendRecords is empty"));
  });

  it("that switches inbound off drops all mail and says so", async () => {
    const after = await run({ inbound: "off" });
    expect(difference(after)).toEqual({ more: [], less: [] });
    expect(named(after, "routing-catch-all").inputs).toMatchObject({
      enabled: true,
      actions: [{ type: "drop" }],
      matchers: [{ type: "all" }],
    });
    expect(JSON.stringify(named(after, "routing-catch-all").inputs)).not.toContain(settings.workerName);
    expect(after.outputs.nextSteps).toContainEqual(expect.stringContaining("mail:inbound is off"));
  });

  it("that leaves no way into the web interface while the server is down says so", async () => {
    const warned = expect.stringContaining("mail:clientPeople") as string;
    expect((await run({ tailnet: "off" })).outputs.nextSteps).toContainEqual(warned);
    const elsewhere = JSON.stringify(["me@example.net"]);
    for (const changes of [{ clientPeople: elsewhere }, { adminAccess: "public" }])
      expect((await run({ tailnet: "off", ...changes })).outputs.nextSteps).not.toContainEqual(warned);
  });

  it("that brings a token for certificates made by hand makes none, and ships that one alone", async () => {
    const after = await run({}, [], { acmeDnsToken: "token-made-by-hand" });
    expect(difference(after)).toEqual({ more: [], less: ["certificates", "certificates-token"] });
    expect(after.world.all(ACCOUNT_TOKEN)).toEqual([]);
  });

  it("that raises the number of that token makes another one, for a year", async () => {
    const after = await run({ acmeTokenNumber: "2" });
    expect(difference(after)).toEqual({ more: ["certificates-token-2"], less: ["certificates-token"] });
    const { inputs, options } = named(after, "certificates-token-2");
    expect(inputs["name"]).toBe(`mail certificates ${domain} 2`);
    const days = (Date.parse(String(inputs["expiresOn"])) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(364);
    expect(days).toBeLessThan(366);
    // The next run must not see another end.
    expect(options.ignoreChanges).toEqual(["expiresOn"]);
  });

  it("that leads the certificate's challenges elsewhere gives the token that zone alone", async () => {
    const acme = newZone("b".repeat(32), "acme-only.net");
    const after = await run({ acmeZone: acme.name }, [acme]);
    const challenges = ["imap", "stalwart"].map((label) => `dns-cname-_acme-challenge.${label}`);
    expect(difference(after)).toEqual({ more: challenges, less: [] });
    const [token] = after.world.all(ACCOUNT_TOKEN);
    const value = String(token?.props["value"]);
    expect([mayEditDns(after.world, value, acme.name), mayEditDns(after.world, value, domain)]).toEqual([true, false]);
    expect(named(after, "dns-cname-_acme-challenge.stalwart").inputs).toMatchObject({
      name: `_acme-challenge.stalwart.${domain}`,
      content: `stalwart.${domain}.acme-only.net`,
      proxied: false,
    });
  });

  it("that does without a spool makes no bucket, no clock and no binding", async () => {
    const after = await run({ spool: "none" });
    expect(difference(after)).toEqual({
      more: [],
      less: ["spool", "spool-bucket", "spool-lifecycle", "inbound-clock"],
    });
    const bindings = texts(named(after, "inbound").inputs["bindings"]).map(({ text }) => text);
    expect(bindings).not.toContain("r2_bucket");
    expect(bindings).toContain("ALERT_URL");
  });

  it("that names somebody to alert hands the URL to the inbound Worker only, as a secret", async () => {
    const url = "https://ntfy.example/topic-that-is-a-password";
    const after = await run({ spoolAlertUrl: url, spoolAlertAfterMinutes: "15" });
    expect(difference(after)).toEqual({ more: [], less: [] });
    const holders = after.resources.flatMap(({ name, inputs }) =>
      texts(inputs).flatMap(({ text, secret }) => (text.includes(url) ? [{ name, secret }] : [])),
    );
    expect(holders).toEqual([{ name: "inbound", secret: true }]);
    expect(texts(named(after, "inbound").inputs["bindings"])).toContainEqual({ text: "15", secret: false });
  });

  it("that keeps the ledger longer changes the one rule and nothing else", async () => {
    const after = await run({ ledgerDays: "365" });
    expect(difference(after)).toEqual({ more: [], less: [] });
    expect(JSON.stringify(named(after, "spool-lifecycle").inputs)).toContain(String(365 * 86_400));
  });

  it("that takes protection away takes it from everything", async () => {
    const after = await run({ protect: "false" });
    expect(after.resources.filter(({ options }) => options.protect === true)).toEqual([]);
    expect(difference(after)).toEqual({ more: [], less: [] });
  });
});

describe("reports about the domain that go to another organisation", () => {
  const elsewhere = { dmarcAggregateAddress: "dmarc@reports.example.net" };
  const record = `dns-txt-${domain}._report._dmarc.reports.example.net`;

  it("are consented to in its zone, when the account has it", async () => {
    const zone = newZone("b".repeat(32), "example.net");
    const ran = await run(elsewhere, [zone]);
    expect(named(ran, record).inputs).toMatchObject({ zoneId: zone.id, content: '"v=DMARC1"' });
    expect(zone.records).toHaveLength(1);
    expect(ran.outputs.nextSteps.join("\n")).not.toContain("example.net");
  });

  it("are otherwise a next step with name, type and value, and no resource", async () => {
    const ran = await run(elsewhere);
    expect(names(ran)).not.toContain(record);
    expect(ran.outputs.nextSteps).toContainEqual(
      expect.stringMatching(
        /^example\.net is not a zone of this account: .* augustin\.ai\._report\._dmarc\.reports\.example\.net TXT "v=DMARC1"/,
      ),
    );
  });
});
