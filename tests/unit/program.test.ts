import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";
import { serializeProperties } from "@pulumi/pulumi/runtime/rpc";

import type { MailOutputs } from "../../infra/mail";
import { program } from "../../infra/program";
import { settingsOf } from "../../infra/settings/stack-file";
import { type Api, serveApi } from "../../sandbox/cloud/api";
import { isProps, type Props } from "../../sandbox/cloud/props";
import { World } from "../../sandbox/cloud/world";
import { newZone, type Zone } from "../../sandbox/cloud/zone";
import { convergeWithoutEngine } from "../../sandbox/converge";
import { ACCOUNT_TOKEN, mayEditDns } from "../../sandbox/cloud/kinds/account-token";
import { TUNNEL, tunnelToken } from "../../sandbox/cloud/kinds/tunnel";
import { isSecretMark, withoutSecretMarks } from "../../sandbox/engine/secrets";
import { shippedFiles } from "../../sandbox/shipped";
import { type Outside, startOutside } from "../../sandbox/outside";
import { type StandIns, standIns } from "../../sandbox/stand-ins";
import type { Env } from "../../worker/src/env";
import type { PublicEnv } from "../../worker/src/public-env";

const STACK = "prod";
const GOLDEN = join(__dirname, "..", "golden", "resources.txt");

const invented = standIns(STACK);
const settings = settingsOf(STACK, invented);
const { domain, accountId } = settings;

/** A resource as the program declared it: what a stack transformation and the resource itself show. */
interface Declared {
  readonly type: string;
  readonly name: string;
  /** As they go to the engine, secrets marked. */
  readonly inputs: Props;
  readonly parent: string | undefined;
  readonly options: pulumi.CustomResourceOptions;
  readonly urn: string;
}

interface Ran {
  readonly world: World;
  readonly resources: readonly Declared[];
  readonly outputs: MailOutputs;
}

let surroundings: Outside;
beforeAll(async () => {
  surroundings = await startOutside(settings, invented);
});
afterAll(() => surroundings.close());

/** The whole program on the SDK's mocks, with settings changed and further zones in the account. */
async function run(changes: Readonly<Record<string, string>> = {}, furtherZones: readonly Zone[] = []): Promise<Ran> {
  const zones = [newZone("a".repeat(32), domain), ...furtherZones];
  const world = new World({ accountId, apiToken: invented.apiToken, zones });
  joinedTailnet(world);
  const api: Api = await serveApi(world);
  const outside: Outside = { ...surroundings, world, apiUrl: api.baseUrl };
  const changed: StandIns = { ...invented, values: { ...invented.values, ...changes } };
  const seen: { args: pulumi.ResourceTransformationArgs; inputs: Promise<Props> }[] = [];
  let outputs: MailOutputs | undefined;
  try {
    await convergeWithoutEngine(STACK, changed, outside, async () => {
      pulumi.runtime.registerStackTransformation((args) => {
        // The mocks show a whole list as secret when one item is; on the wire each value has its own mark.
        seen.push({ args, inputs: serializeProperties(args.name, args.props) });
        return undefined;
      });
      const made = await program();
      if ("hostOffer" in made) outputs = made;
      return made;
    });
  } finally {
    api.close();
  }
  if (outputs === undefined) throw new Error("the program has no outputs");
  const resources: Declared[] = [];
  for (const { args, inputs } of seen) {
    const { type, name, opts, resource } = args;
    const parent = opts.parent && (await urnOf(opts.parent));
    resources.push({ type, name, inputs: await inputs, parent, options: opts, urn: await urnOf(resource) });
  }
  return { world, resources, outputs };
}

/** No host runs here: its machine is in the tailnet, and it says so. */
function joinedTailnet(world: World): void {
  const { tag = "", hostname = "" } = settings.tailnet ?? {};
  world.tailnet.setPolicy(JSON.stringify({ tagOwners: { [tag]: [] } }));
  world.tailnet.keys.set("key", { tags: [tag], isReusable: false, used: false, expired: false });
  const { nodeId } = world.tailnet.join("key", hostname);
  world.commands = {
    run: (_step, inputs) => {
      const isAsked = String(inputs["stdin"]).includes("tailnet_seconds");
      return Promise.resolve({ ...inputs, stdout: isAsked ? nodeId : "", stderr: "" });
    },
  };
}

function urnOf(resource: pulumi.Resource): Promise<string> {
  return valueOf(resource.urn);
}

function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}

const isComponent = ({ type }: Declared) => type.startsWith("mail:");
const lines = (resources: readonly Declared[]) => resources.map(({ type, name }) => `${name}  ${type}`).sort();
const names = ({ resources }: Ran) => resources.map(({ name }) => name);

function named({ resources }: Ran, name: string): Declared {
  const found = resources.filter((resource) => resource.name === name && !isComponent(resource));
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`${found.length} resources are called ${name}`);
  return only;
}

/** Every text inside, with whether it lies within a secret. */
function texts(value: unknown, secret = false): { text: string; secret: boolean }[] {
  if (typeof value === "string") return [{ text: value, secret }];
  if (Array.isArray(value)) return value.flatMap((item) => texts(item, secret));
  if (!isProps(value)) return [];
  return Object.values(value).flatMap((item) => texts(item, secret || isSecretMark(value)));
}

function plain(value: unknown): unknown {
  return withoutSecretMarks(value);
}

/** The lines between BEGIN and END count one by one: a key without its armour is a key as well. */
function linesOf(secret: string): string[] {
  return secret.split("\n").filter((line) => line.length > 20 && !line.startsWith("-----"));
}

describe("the program of the documented deployment", () => {
  let ran: Ran;
  beforeAll(async () => {
    ran = await run();
  });

  it("makes exactly the resources of the golden list", () => {
    const actual = `${lines(ran.resources).join("\n")}\n`;
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(GOLDEN, actual);
    expect(actual).toBe(readFileSync(GOLDEN, "utf8"));
  });

  it("makes in the world what it declares", () => {
    const made = ran.world.calls.map(({ type, name }) => `${name}  ${type}`).sort();
    const declared = lines(
      ran.resources.filter(({ type }) => !isComponent({ type } as Declared) && !type.startsWith("pulumi:")),
    );
    expect(made).toEqual(declared);
  });

  it("gives every resource a component as parent, which its name begins with", () => {
    const components = new Map(ran.resources.filter(isComponent).map(({ urn, name }) => [urn, name]));
    expect([...components.values()].sort()).toEqual([
      ...[
        "access",
        "backup",
        "certificates",
        "dns",
        "host",
        "inbound",
        "people",
        "public",
        "routing",
        "spool",
        "tailnet",
        "tunnel",
      ],
    ]);
    const children = ran.resources.filter(({ type }) => /^(cloudflare|command|aws):/.test(type));
    for (const { name, parent, urn } of children) {
      const component = components.get(parent ?? "");
      expect({ name, component }).toEqual({ name, component: expect.any(String) as string });
      expect(`${name}-`.startsWith(`${component ?? "?"}-`)).toBe(true);
      expect(urn).toMatch(/\$(cloudflare|command|aws):/);
    }
  });

  it("uses no name twice for one type", () => {
    expect(new Set(lines(ran.resources)).size).toBe(ran.resources.length);
  });

  it("binds exactly the names of the Worker's own type, and those that are secret as secrets", () => {
    const kinds: {
      readonly [name in keyof Required<Omit<Env, "LMTP_URL">>]: "plain_text" | "secret_text" | "r2_bucket";
    } = {
      INBOUND_DELIVERY: "plain_text",
      JMAP_URL: "plain_text",
      JMAP_TOKEN: "secret_text",
      ACCESS_CLIENT_ID: "secret_text",
      ACCESS_CLIENT_SECRET: "secret_text",
      MAIL_DOMAIN: "plain_text",
      CATCH_ALL: "plain_text",
      SPOOL: "r2_bucket",
      // Nothing is told to anybody in this stack, and nothing is no secret.
      ALERT_URL: "plain_text",
      ALERT_AFTER_MINUTES: "plain_text",
    };
    const bindings = named(ran, "inbound").inputs["bindings"];
    const list = Array.isArray(bindings) ? bindings.filter(isProps) : [];
    expect(Object.fromEntries(list.map(({ name, type }) => [name, type]))).toEqual(kinds);
    for (const { type, text } of list) expect(isSecretMark(text)).toBe(type === "secret_text");
    const values = Object.fromEntries(list.map(({ name, text }) => [String(name), texts(text)[0]?.text]));
    expect(values).toMatchObject({
      JMAP_URL: `https://${settings.hostnames.inbound}`,
      MAIL_DOMAIN: domain,
      CATCH_ALL: `root@${domain}`,
      ALERT_URL: "",
      ALERT_AFTER_MINUTES: "60",
    });
    expect(list).toContainEqual({ name: "SPOOL", type: "r2_bucket", bucketName: "mail-spool-augustin-ai" });
  });

  it("keeps the spool's bucket for good: messages never expire, and a destroy leaves them", () => {
    const bucket = named(ran, "spool-bucket");
    expect(bucket.inputs).toEqual({ accountId, name: "mail-spool-augustin-ai" });
    expect(bucket.options).toMatchObject({ protect: true, retainOnDelete: true });
    const { rules } = named(ran, "spool-lifecycle").inputs;
    const all: unknown[] = Array.isArray(rules) ? rules : [];
    const expiring = all.filter((rule) => isProps(rule) && rule["deleteObjectsTransition"] !== undefined);
    expect(expiring).toEqual([
      {
        id: "forget deliveries",
        enabled: true,
        conditions: { prefix: "ledger/" },
        deleteObjectsTransition: { condition: { type: "Age", maxAge: 30 * 86_400 } },
      },
    ]);
  });

  it("wakes the inbound Worker every five minutes", () => {
    expect(named(ran, "inbound-clock").inputs).toEqual({
      accountId,
      scriptName: settings.workerName,
      schedules: [{ cron: "* * * * *" }],
    });
  });

  it("gives the public Worker what anyone may read, and nothing else", () => {
    const values: PublicEnv = {
      MAIL_DOMAIN: domain,
      SERVER_HOSTNAME: settings.hostnames.server,
      CLIENTS_HOSTNAME: settings.hostnames.clients,
      SERVICES: settings.services.join(","),
      DISPLAY_NAME: domain,
    };
    const { bindings } = named(ran, "public").inputs;
    expect(bindings).toEqual(
      Object.entries(values).map(([name, text]: [string, string]) => ({ name, type: "plain_text", text })),
    );
  });

  it("routes the names of clients and senders to the public Worker, and the tunnel does not know them", () => {
    const labels = ["mta-sts", "autoconfig", "autodiscover"];
    const routes = ran.resources.filter(({ type }) => type.endsWith(":WorkersRoute")).map(({ inputs }) => inputs);
    const { scriptName } = named(ran, "public").inputs;
    expect(routes).toEqual(
      labels.map((label) => expect.objectContaining({ pattern: `${label}.${domain}/*`, script: scriptName }) as Props),
    );
    const ingress = texts(named(ran, "tunnel-ingress").inputs).map(({ text }) => text);
    expect(ingress).toContain(settings.hostnames.server);
    for (const label of labels) expect(ingress).not.toContain(`${label}.${domain}`);
  });

  it("keeps the route of the policy, which was called mta-sts: a second one for its pattern is refused", () => {
    const component = ran.resources.find(({ type }) => type === "mail:index:PublicWorker");
    expect(component?.options.aliases).toEqual([{ type: "mail:index:MtaSts", name: "mta-sts" }]);
    expect(named(ran, "public-route-mta-sts").options.aliases).toEqual([{ name: "mta-sts-route" }]);
    expect(named(ran, "public-route-autoconfig").options.aliases).toBeUndefined();
  });

  it("hands secrets of the settings to the host's files only, and the SSH key to its connections", () => {
    const all = ran.resources.flatMap(({ name, inputs }) => texts(inputs).map((found) => ({ name, ...found })));
    expect(all.length).toBeGreaterThan(100);
    const { hostSshPrivateKey = "", ...others } = invented.secrets;
    const holders = (part: string) => all.filter(({ text }) => text.includes(part));
    for (const part of linesOf(hostSshPrivateKey)) {
      expect(holders(part).every(({ secret }) => secret)).toBe(true);
      expect(holders(part).map(({ name }) => name)).toEqual([
        "host-files",
        "host-key",
        "host-key-retired",
        "host-tailnet",
      ]);
    }
    for (const part of [...Object.values(others), invented.apiToken].flatMap(linesOf))
      // To the files as what no error shall show; the archive beside it has them in base64.
      for (const { name, secret } of holders(part))
        expect({ name, secret }).toEqual({ name: "host-files", secret: true });
    expect(holders("PRIVATE KEY").map(({ name }) => name)).toEqual([
      "host-files",
      "host-key",
      "host-key-retired",
      "host-tailnet",
    ]);
  });

  it("ships the tunnel's and the certificates' token in files of their own", () => {
    const files = shippedFiles(String(plain(named(ran, "host-files").inputs["stdin"])));
    const [tunnel] = ran.world.all(TUNNEL);
    const [token] = ran.world.all(ACCOUNT_TOKEN);
    expect(files.get("cloudflared/token")).toBe(tunnelToken(ran.world, tunnel?.id ?? ""));
    const value = String(token?.props["value"]);
    expect([...files].filter(([, content]) => content.includes(value)).map(([path]) => path)).toEqual([
      "traefik/secrets/cloudflare-dns-token",
    ]);
    expect(mayEditDns(ran.world, value, domain)).toBe(true);
    expect(token?.props["policies"]).toHaveLength(1);
  });

  it("runs nothing on the host whose key it does not know, and shows nothing of what it runs", () => {
    const commands = ran.resources.filter(({ type }) => type === "command:remote:Command");
    expect(commands.map(({ name }) => name)).toEqual(["host-files", "host-key", "host-key-retired", "host-tailnet"]);
    for (const { name, inputs } of commands) {
      expect({ name, connection: plain(inputs["connection"]) }).toMatchObject({
        name,
        connection: { host: settings.host.address, port: settings.host.port, hostKey: settings.host.key },
      });
      const { create, logging, addPreviousOutputInEnv, triggers, environment, stdin } = inputs;
      expect({ create, logging, addPreviousOutputInEnv, triggers, environment }).toEqual({
        ...{ create: "bash -s", logging: "none", addPreviousOutputInEnv: false },
        ...{ triggers: undefined, environment: undefined },
      });
      expect(isSecretMark(stdin)).toBe(true);
    }
  });

  it("has no secret among its outputs but the offer to further domains, and nothing there is undefined", async () => {
    const { hostOffer, ...outputs } = ran.outputs;
    expect(await pulumi.isSecret(hostOffer)).toBe(true);
    for (const value of Object.values(outputs)) expect(await pulumi.isSecret(pulumi.output(value))).toBe(false);
    expect(await valueOf(outputs.tunnelId)).toBe(ran.world.all(TUNNEL)[0]?.id);
    expect(await valueOf(outputs.inboundWorker)).toBe(settings.workerName);
    expect(await valueOf(outputs.dnssecDs)).toContain(`${domain}. 3600 IN DS`);
    expect(await valueOf(outputs.accessTokenExpiresAt)).toMatch(/^\d{4}-/);
    expect(outputs).toMatchObject({ domain, jmapUrl: `https://${settings.hostnames.server}/.well-known/jmap` });
  });

  it("protects what cannot be made again", () => {
    const guarded = ran.resources.filter(({ options }) => options.protect === true).map(({ name }) => name);
    expect(guarded.sort()).toEqual(
      [
        ...["backup-bucket", "dns-dnssec", "routing-catch-all", "routing-dns", "routing-settings"],
        ...["spool-bucket", "tunnel"],
        ...["dns-txt-202602e._domainkey", "dns-txt-202602r._domainkey", "dns-txt-resend._domainkey"],
      ].sort(),
    );
  });

  it("never ignores the status of DNSSEC, and the names of Email Routing's DNS always", () => {
    expect(named(ran, "dns-dnssec").options.ignoreChanges).toBeUndefined();
    expect(named(ran, "routing-dns").options.ignoreChanges).toEqual(["name", "subdomain"]);
  });

  it("gives the Worker its key before it withdraws older ones, and ships the files before all that", () => {
    const order = ran.world.calls.map(({ name, type }) => `${name} ${type.split(":")[0] ?? ""}`);
    const wanted = ["host-files command", "host-key command", "inbound cloudflare", "host-key-retired command"];
    expect(order.filter((name) => wanted.includes(name))).toEqual(wanted);
  });

  it("switches mail on last: Worker, records, ingress and Access come before Email Routing", () => {
    const order = ran.world.calls.map(({ name }) => name);
    const on = order.indexOf("routing-settings");
    const before = [
      "host-files",
      "host-key",
      "spool-lifecycle",
      "inbound-clock",
      "tunnel-ingress",
      "access-application",
      "dns-mx-send",
    ];
    for (const name of before) {
      const at = order.findIndex((made) => made.startsWith(name));
      expect({ name, made: at >= 0, first: at < on }).toEqual({ name, made: true, first: true });
    }
    const after = order.slice(on).filter((name) => name.startsWith("routing"));
    expect(after).toEqual(["routing-settings", "routing-dns", "routing-catch-all"]);
  });

  it("forwards nothing under a name that is not guarded yet", () => {
    const order = ran.world.calls.map(({ name }) => name);
    const at = (start: string) => order.findIndex((name) => name.startsWith(start));
    for (const guard of ["access-application", "people-imaps", "people-submissions"]) {
      expect(at(guard)).toBeGreaterThanOrEqual(0);
      expect(at(guard)).toBeLessThan(at("tunnel-ingress"));
    }
    // The order above may be luck.
    expect(named(ran, "tunnel-ingress").options.dependsOn).toHaveLength(3);
  });

  it("tells the operator about the registrar and about nothing that is done", () => {
    expect(ran.outputs.nextSteps).toEqual([expect.stringContaining("DS record")]);
  });
});

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
    const after = await run({ caaIssuers: JSON.stringify(["sectigo.com", ...settings.caaIssuers]) });
    expect(difference(after)).toEqual({ more: [expect.stringMatching(/^dns-caa-@-[0-9a-f]{8}$/)], less: [] });
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
