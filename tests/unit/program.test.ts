import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";

import { isProps, listAt, type Props, textAt, textsAt } from "../../sandbox/cloud/props";
import { APPLICATION } from "../../sandbox/cloud/kinds/access";
import { routePatterns } from "../../infra/edge/public-paths";
import { ACCOUNT_TOKEN, mayEditDns } from "../../sandbox/cloud/kinds/account-token";
import { TUNNEL, TUNNEL_CONFIG, tunnelToken } from "../../sandbox/cloud/kinds/tunnel";
import { isSecretMark } from "../../sandbox/engine/secrets";
import { shippedFiles } from "../../sandbox/shipped";
import type { Env } from "../../worker/src/env";
import type { PublicEnv } from "../../worker/src/public-env";
import { expectParents, isComponent, linesOf, listed, plain, texts, valueOf } from "./declared";
import { documentedProgram, invented, named, type Ran, settings } from "./documented";

const GOLDEN = join(__dirname, "..", "golden", "resources.txt");
const { domain, accountId } = settings;
const run = documentedProgram();

describe("the program of the documented deployment", () => {
  let ran: Ran;
  beforeAll(async () => {
    ran = await run();
  });

  it("makes exactly the resources of the golden list", () => {
    const actual = `${listed(ran.resources).join("\n")}\n`;
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(GOLDEN, actual);
    expect(actual).toBe(readFileSync(GOLDEN, "utf8"));
  });

  it("makes in the world what it declares", () => {
    const made = ran.world.calls.map(({ type, name }) => `${name}  ${type}`).sort();
    const declared = listed(ran.resources.filter(({ type }) => !isComponent({ type }) && !type.startsWith("pulumi:")));
    expect(made).toEqual(declared);
  });

  it("gives every resource a component as parent, which its name begins with", () => {
    expect(expectParents(ran.resources)).toEqual([
      ...[
        "access",
        "admin",
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
      ],
      "tunnel",
    ]);
  });

  it("uses no name twice for one type", () => {
    expect(new Set(listed(ran.resources)).size).toBe(ran.resources.length);
  });

  it("binds exactly the names of the Worker's own type, and those that are secret as secrets", () => {
    const kinds: {
      readonly [name in keyof Required<Omit<Env, "LMTP_URL">>]: "plain_text" | "secret_text" | "r2_bucket";
    } = {
      INBOUND_DELIVERY: "plain_text",
      JMAP_URL: "plain_text",
      JMAP_TOKEN: "secret_text",
      ARRIVALS_KEY: "secret_text",
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

  it("keeps the spool's bucket for good: mail that waits never expires, and a destroy leaves it", () => {
    const bucket = named(ran, "spool-bucket");
    expect(bucket.inputs).toEqual({ accountId, name: "mail-spool-augustin-ai" });
    expect(bucket.options).toMatchObject({ protect: true, retainOnDelete: true });
    const { rules } = named(ran, "spool-lifecycle").inputs;
    const all: unknown[] = Array.isArray(rules) ? rules : [];
    const expiring = all.filter((rule) => isProps(rule) && rule["deleteObjectsTransition"] !== undefined);
    const rule = (id: string, prefix: string, days: number) => ({
      id,
      enabled: true,
      conditions: { prefix },
      deleteObjectsTransition: { condition: { type: "Age", maxAge: days * 86_400 } },
    });
    expect(expiring).toEqual([
      rule("forget deliveries", "ledger/", 30),
      rule("forget message ids", "ids/", 400),
      rule("delete what nobody put back", "dead/", 90),
      rule("delete pauses without a message", "retry/", 30),
      rule("delete marks without a message", "begun/", 30),
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
    const hosts = {
      "mta-sts": `mta-sts.${domain}`,
      autoconfig: `autoconfig.${domain}`,
      autodiscover: `autodiscover.${domain}`,
    };
    expect(routes).toEqual(
      Object.values(routePatterns(hosts)).map(
        (pattern) => expect.objectContaining({ pattern, script: scriptName }) as Props,
      ),
    );
    // Whatever else a stranger asks for costs no request of the plan.
    expect(routes.filter(({ pattern }) => /^[^/]+\/\*?$/.test(String(pattern)))).toEqual([]);
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
        "host-arrivals-key",
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
      "host-arrivals-key",
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
    expect(commands.map(({ name }) => name)).toEqual([
      "host-files",
      "host-key",
      "host-arrivals-key",
      "host-key-retired",
      "host-tailnet",
    ]);
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

  it("leaves an MX the comment and TTL that it has, since the API changes none while Email Routing is on", () => {
    const exchangers = ran.resources.filter(({ inputs }) => inputs["type"] === "MX");
    expect(exchangers.length).toBeGreaterThan(0);
    for (const { options } of exchangers) expect(options.ignoreChanges).toEqual(["comment", "ttl"]);
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
    const guards = ["access-application", "people-imaps", "people-submissions", "admin-admin", "admin-account"];
    for (const guard of guards) {
      expect(at(guard)).toBeGreaterThanOrEqual(0);
      expect(at(guard)).toBeLessThan(at("tunnel-ingress"));
    }
    // The order above may be luck; the audiences are not: each is known once its application exists.
    const audiences = ran.world.all(APPLICATION).map(({ props }) => textAt(props, "aud"));
    const rules = listAt(ran.world.all(TUNNEL_CONFIG)[0]?.props ?? {}, "config.ingresses");
    const checked = rules.flatMap((rule) => textsAt(rule, "originRequest.access.audTags"));
    expect(checked.toSorted()).toEqual(audiences.toSorted());
    expect(checked).toHaveLength(guards.length);
  });

  it("tells the operator about the registrar and about nothing that is done", () => {
    expect(ran.outputs.nextSteps).toEqual([expect.stringContaining("DS record")]);
  });
});
