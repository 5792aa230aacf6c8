import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { settingsOf } from "../../infra/settings/stack-file";
import { openSpool, spoolPlace } from "../../ops/spool/objects";
import { DNS_RECORD } from "../../sandbox/cloud/kinds/dns-record";
import { serveResend } from "../../sandbox/cloud/resend-api";
import { deliver } from "../../sandbox/send";
import { deliveryHeaders } from "../../worker/src/message";
import { fromDocs, words } from "../docs";
import { typed } from "../shell";
import { describeEngine } from "./describe";
import { type Desk, openDesk } from "./desk";
import { ENGINE_TIMEOUT_MS } from "./lab";

/** Every command for operators. */
const OPERATORS = [
  ...["adopt", "client", "doctor", "new-domain", "recover", "recovery-kit", "reports", "rotate", "settings", "spool"],
  ...["topology", "upgrade", "zone"],
];
const WAITING = Buffer.from("Subject: waits\r\n\r\n");

/** The commands of the docs, typed one after the other as the pages have them; only what they leave open is filled in. */
describeEngine("a deployment's life by the commands of the docs", () => {
  let desk: Desk;
  let accountPassword: string;
  const it = (what: string, work: () => Promise<void>) => test(what, work, ENGINE_TIMEOUT_MS);
  const json = (text: string): unknown => JSON.parse(text.slice(text.search(/^[{[]/m)));
  /** Several at a time, in no order. */
  const all = (commands: readonly string[]) => Promise.all(commands.map((command) => desk.did(command)));
  const dmarc = () => {
    const record = desk.outside.world.find(DNS_RECORD, ({ name }) => name === "_dmarc.augustin.ai");
    if (record === undefined) throw new Error("there is no DMARC record");
    return record;
  };

  beforeAll(async () => {
    desk = await openDesk();
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => desk.close());

  it("a place for the state, and what the stack file lacks", async () => {
    const folder = join(desk.checkout, "..", "state");
    mkdirSync(folder);
    const noPlace = { PULUMI_BACKEND_URL: undefined, PULUMI_HOME: join(folder, "home") };
    expect(await desk.did(fromDocs("docs/start.md", "pulumi login --help"), "", noPlace)).toContain("s3://");
    const login = fromDocs("docs/operate.md", "pulumi login file://FOLDER").replace("FOLDER", folder);
    expect(await desk.did(login, "", noPlace)).toContain("Logged in");

    const own = readFileSync(join(desk.checkout, "Pulumi.prod.yaml"), "utf8");
    await desk.did(fromDocs("docs/start.md", "cp stacks/first-domain.yaml Pulumi.prod.yaml"));
    await desk.did(fromDocs("docs/start.md", "pulumi stack init prod"));
    const { code, stdout } = await desk.type(fromDocs("docs/start.md", "npm run settings -- prod"));
    expect(code).toBe(1);
    for (const key of Object.keys(desk.invented.secrets).filter((name) => name !== "backupPassword"))
      expect(stdout).toContain(`pulumi config set --secret mail:${key} --stack prod`);
    expect(stdout).not.toContain("augustin");
    // Filled in: what Pulumi wrote into the template stays.
    const salt =
      /^encryptionsalt: .*\n/m.exec(readFileSync(join(desk.checkout, "Pulumi.prod.yaml"), "utf8"))?.[0] ?? "";
    desk.write("Pulumi.prod.yaml", `${salt}${own}`);
  });

  it("keys and secrets, by standard input", async () => {
    const { resendApiKey, hostSshPrivateKey } = desk.invented.secrets;
    // Keys that lie where OpenSSH has them, and what is typed when Pulumi asks for it.
    mkdirSync(join(desk.checkout, "../operator/.ssh"));
    for (const name of ["id_ed25519", "mail-storage"]) desk.write(`../operator/.ssh/${name}`, hostSshPrivateKey ?? "");
    desk.write("storage-host-keys", "ssh-ed25519 KEY\n");
    const typedIn: readonly (readonly [command: string, text: string])[] = [
      // Backups elsewhere first; then those of the documented deployment.
      [fromDocs("docs/backup.md", "pulumi config set --secret mail:backupRepository --stack prod"), "rest:https://x/"],
      [
        fromDocs("docs/backup.md", "cat | pulumi config set --secret mail:backupEnvironment --stack prod"),
        "A=b\nC=d\n",
      ],
      [fromDocs("docs/operate.md", "pulumi config set --secret mail:backupPasswordPrevious --stack prod"), "former"],
      [fromDocs("docs/start.md", "pulumi config set --secret mail:resendApiKey --stack prod"), resendApiKey ?? ""],
      [
        fromDocs("docs/start.md", "pulumi config set --secret cloudflare:apiToken --stack prod"),
        desk.invented.apiToken,
      ],
    ];
    for (const [command, text] of typedIn) await desk.did(command, text);
    expect(await desk.did("pulumi config get mail:backupEnvironment --stack prod")).toContain("A=b\nC=d");
    for (const command of [
      fromDocs("docs/backup.md", "pulumi config set mail:backup repository --stack prod"),
      fromDocs(
        "docs/backup.md",
        "echo sftp://u1@storage.example.org:23//home/mail | pulumi config set --secret mail:backupRepository --stack prod",
      ),
      fromDocs(
        "docs/backup.md",
        "pulumi config set --secret mail:backupSshPrivateKey --stack prod < ~/.ssh/mail-storage",
      ),
      fromDocs("docs/backup.md", "pulumi config set mail:backupSshHostKey --stack prod < storage-host-keys"),
      ...["Repository", "Environment", "SshPrivateKey", "SshHostKey", "PasswordPrevious"].map(
        (name) => `pulumi config rm mail:backup${name} --stack prod`,
      ),
      "pulumi config set mail:dkimPublished 'old:ed25519:KEY' --stack prod",
      fromDocs("docs/operate.md", "pulumi config rm mail:dkimPublished"),
      `${fromDocs("docs/new-domain.md", "pulumi stack init --no-select")} other`,
      fromDocs(
        "docs/start.md",
        "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 | pulumi config set --secret mail:dkimRsaPrivateKey --stack prod",
      ),
      fromDocs(
        "docs/start.md",
        "openssl genpkey -algorithm ed25519 | pulumi config set --secret mail:dkimEd25519PrivateKey --stack prod",
      ),
      fromDocs("docs/start.md", "openssl rand -base64 30 | pulumi config set --secret mail:adminPassword --stack prod"),
      fromDocs(
        "docs/start.md",
        "openssl rand -base64 30 | pulumi config set --secret mail:accountPassword --stack prod",
      ),
      fromDocs(
        "docs/backup.md",
        "openssl rand -base64 30 | pulumi config set --secret mail:backupPassword --stack prod",
      ),
      fromDocs("docs/start.md", "pulumi config set --secret mail:hostSshPrivateKey --stack prod < ~/.ssh/id_ed25519"),
      fromDocs("docs/backup.md", "pulumi config set mail:backup s3 --stack prod"),
      fromDocs("docs/backup.md", "pulumi config set mail:backupBucket example-backups --stack prod"),
      fromDocs("docs/reference.md", "pulumi config set --path 'mail:aliases[0]' postmaster --stack prod"),
    ])
      await desk.did(command);
    const settings = await desk.did(fromDocs("README.md", "npm run settings -- prod"));
    expect(settings).toMatch(/^backupBucket +example-backups$/m);
    expect(settings).toMatch(/^aliases +postmaster@augustin\.ai$/m);
    const [account = "", admin = "", backup = "", shown = ""] = await all([
      fromDocs("docs/new-domain.md", "pulumi config get mail:accountPassword"),
      fromDocs("docs/operate.md", "pulumi config get mail:adminPassword"),
      fromDocs("docs/backup.md", "pulumi config get mail:backupPassword --stack prod"),
      fromDocs("docs/start.md", "pulumi config get mail:accountPassword --stack prod"),
    ]);
    accountPassword = account.trim();
    expect(new Set([account, admin, backup])).toEqual(new Set([shown, admin, backup]));
    for (const password of [account, admin, backup]) expect(password.trim()).toMatch(/^[\w+/]{40}$/);
  });

  it("up, and mail comes", async () => {
    await desk.up(fromDocs("docs/phone.md", "pulumi up"));
    const [steps = "", policy = "", ds = ""] = await all([
      fromDocs("docs/start.md", "pulumi stack output nextSteps"),
      fromDocs("docs/phone.md", "pulumi stack output tailnetPolicy"),
      "pulumi stack output dnssecDs",
    ]);
    expect(steps).toContain("DS record");
    expect(json(policy)).toHaveProperty("grants");
    desk.outside.publishDs(ds.trim());
    const mail = Buffer.from("From: a@sender.example\r\nMessage-ID: <1@sender.example>\r\n\r\nOne\r\n");
    await deliver(desk.outside, "root@augustin.ai", "root@augustin.ai", mail);
  });

  it("looks at it, each in a process of its own", async () => {
    const place = spoolPlace("prod", desk.environment, desk.checkout);
    const raw = Buffer.concat([deliveryHeaders("zoe@sender.example", "root@augustin.ai"), WAITING]);
    const key = `spool/${new Date().toISOString()}-0123abcd.eml`;
    await openSpool(place, desk.environment).put(key, raw);
    const saysOf: readonly (readonly [command: string, says: string])[] = [
      [fromDocs("README.md", "npm run zone -- prod"), "_domainkey.augustin.ai. 300 IN TXT"],
      [`${fromDocs("docs/reference.md", "npm run zone -- <stack>").replace("<stack>", "prod")} --as-served`, "IN AAAA"],
      [
        `${fromDocs("docs/reference.md", "npm run settings -- <stack>").replace("<stack>", "prod")} --json`,
        '"ok": true',
      ],
      [`${fromDocs("README.md", "npm run topology -- prod")} --json`, '"edges"'],
      [fromDocs("docs/topology.md", "npm run topology -- STACK --svg FILE").replace("STACK", "prod"), "written  FILE"],
      [fromDocs("docs/clients.md", "npm run client -- sheet --stack prod"), "User name everywhere: root@augustin.ai"],
      [fromDocs("docs/clients.md", "npm run client -- iphone --stack prod"), "root@augustin.ai.mobileconfig"],
      [fromDocs("docs/clients.md", "npm run client -- laptop --stack prod"), "imap-tcp.augustin.ai"],
      [fromDocs("docs/laptop.md", "npm run client -- laptop --stack prod --os linux"), "systemctl --user enable"],
      [fromDocs("docs/backup.md", "npm run recovery-kit -- prod"), "s3://example-backups/"],
      [fromDocs("docs/recover.md", "npm run recover -- prod"), "Which of these is it?"],
      [fromDocs("docs/upgrade.md", "npm run upgrade -- prod --plan"), "4. Install Stalwart 0.16."],
      [fromDocs("docs/upgrade.md", "npm run upgrade -- prod --back --plan"), "bring back the former version"],
      [fromDocs("docs/operate.md", "npm run rotate -- worker-key --stack prod --dry-run"), "Nothing was changed."],
      [fromDocs("docs/start.md", "npm run spool -- prod list"), "1 waiting"],
      [fromDocs("docs/start.md", "npm run spool -- prod export ~/waiting-mail"), "Wrote 1 of 1 messages below "],
      [fromDocs("README.md", "npm run engine"), "on PATH"],
      [fromDocs("README.md", "npm run sandbox -- --help"), "Usage: npm run sandbox"],
    ];
    const newKey = fromDocs(
      "docs/operate.md",
      'read -rs KEY && printf %s "$KEY" | npm run rotate -- resend-key --stack prod',
    );
    expect(await desk.did(`${newKey} --dry-run`, `re_${"a".repeat(24)}\n`)).toContain("Nothing was changed.");
    const outputs = await all(saysOf.map(([command]) => command));
    for (const [index, [, says]] of saysOf.entries()) expect(outputs[index]).toContain(says);
    expect(readdirSync(join(desk.checkout, "../operator/waiting-mail"), { recursive: true })).toHaveLength(2 + 1);
    // The account's own password, typed without showing it.
    const reports = await desk.did(
      [
        fromDocs("docs/reports.md", "read -rs MAIL_PASSWORD && export MAIL_PASSWORD"),
        fromDocs("docs/reports.md", "npm run reports -- prod"),
      ].join("\n"),
      `${accountPassword}\n`,
      { MAIL_JMAP_URL: `http://127.0.0.1:${desk.outside.host.mailPort() ?? 0}` },
    );
    expect(reports).toContain("0 DMARC and 0 TLS reports");
  });

  it("asks the doctor, whom nobody answers but the sandbox", async () => {
    const port = 1;
    const nobody = fromDocs("docs/doctor.md", "npm run doctor -- prod --resolver 9.9.9.9").replace(
      "9.9.9.9",
      `127.0.0.1:${port}`,
    );
    const at = ` --resolver 127.0.0.1:${port}`;
    const watched = fromDocs("docs/doctor.md", "npm run doctor -- prod --watch") + at;
    const [canary, watch, table, other, whole, policy, page] = await Promise.all([
      // Its way is that of tests/worker/doctor-canary.test.ts; here nobody takes the mail.
      desk.type(`${fromDocs("docs/doctor.md", "npm run doctor -- prod --canary")}${at} --only canary`),
      // A terminal of its own, and q when the page is there.
      desk.type(
        `(until grep -qs 'next in' watched; do sleep 0.2; done; printf q) | script -qefc '${watched} --only policy' watched`,
      ),

      desk.type(fromDocs("docs/doctor.md", "npm run doctor -- prod") + at),
      desk.type(`${nobody} --only delegation`),
      desk.type(fromDocs("docs/doctor.md", "npm run doctor -- prod --json") + at),
      desk.type(fromDocs("docs/doctor.md", "npm run doctor -- prod --only policy") + at),
      desk.type(`${fromDocs("docs/doctor.md", "npm run doctor -- prod --html doctor.html")}${at} --only delegation`),
    ]);
    for (const { code } of [table, other, whole, policy, page, canary]) expect(code).toBe(1);
    expect(canary.stdout).toContain("The relay takes a mail");
    expect(watch).toMatchObject({ code: 0, stdout: expect.stringContaining("augustin.ai") as unknown });
    expect(table.stdout).toMatch(/^ +ok +The files are those of this checkout/m);
    const { checks } = json(whole.stdout) as { checks: readonly { id: string; status: string }[] };
    // No authority has signed for this host, and the server's own name leads nowhere.
    expect(checks.filter(({ status }) => status === "error").map(({ id }) => id)).toEqual([
      ...["delegation.resolver", "host.certificate", "stalwart.login"],
    ]);
    expect(policy.stdout).toContain("Sending policies");
    expect(policy.stdout).not.toContain("Tunnel");
    expect(readFileSync(join(desk.checkout, "doctor.html"), "utf8")).toContain("The resolver answers");
  });

  it("puts back what was clicked, and brings a change in, by one up", async () => {
    const { id, props } = dmarc();
    desk.outside.world.update(DNS_RECORD, "by hand", id, { ...props, content: '"v=DMARC1; p=none"' });
    const shown = await desk.did(fromDocs("docs/operate.md", "pulumi preview --refresh --diff --stack prod"));
    expect(shown).toContain("p=none");
    const again = fromDocs("docs/reference.md", "pulumi config set --secret mail:resendApiKey --stack prod");
    await desk.did(again, desk.invented.secrets["resendApiKey"] ?? "");
    await desk.did(
      fromDocs("docs/phone.md", "pulumi config set --secret tailscale:oauthClientSecret"),
      "tskey-client-1-2",
    );
    for (const command of [
      fromDocs("docs/host-stalwart.md", "pulumi config set mail:workerKeyNumber 2"),
      fromDocs("docs/phone.md", "pulumi config set tailscale:oauthClientId VALUE"),
      fromDocs("docs/phone.md", "pulumi config set mail:tailnet dns-record"),
      fromDocs(
        "docs/phone.md",
        "pulumi import tailscale:index/acl:Acl tailnet-policy acl --generate-code=false --protect=false",
      ),
      fromDocs("docs/phone.md", "pulumi config set mail:tailnetPolicy manage"),
      fromDocs("docs/start.md", "pulumi config set mail:spool none"),
      "pulumi config rm mail:spool --stack prod",
      fromDocs("docs/start.md", "pulumi config set mail:publicRateLimit false"),
    ])
      await desk.did(command);
    await desk.up(fromDocs("docs/operate.md", "pulumi up --refresh"));
    expect(dmarc().props["content"]).toContain("p=reject");
    expect(readdirSync(join(desk.outside.host.folder, "apps/stalwart/keys"))).toContain("worker-2");
    expect(desk.outside.world.find(DNS_RECORD, ({ name }) => name === "imap.augustin.ai")).toBeDefined();
  });

  it("makes a further domain, and takes it away again", async () => {
    const resend = await serveResend({ fullAccessKey: "re_full", requestsPerSecond: 1_000 });
    const { accountId } = settingsOf("prod", { ...desk.invented, directory: desk.checkout });
    const env = {
      RESEND_BASE_URL: resend.baseUrl,
      CLOUDFLARE_ACCOUNT_ID: accountId,
      PULUMI_CONFIG_PASSPHRASE: undefined,
    };
    desk.write("passphrase", desk.environment["PULUMI_CONFIG_PASSPHRASE"] ?? "");
    const told = [
      fromDocs("docs/new-domain.md", "export PULUMI_CONFIG_PASSPHRASE_FILE=...").replace("...", "$PWD/passphrase"),
      fromDocs("docs/new-domain.md", "read -rs CLOUDFLARE_API_TOKEN && export CLOUDFLARE_API_TOKEN"),
      fromDocs("docs/new-domain.md", "read -rs RESEND_API_KEY && export RESEND_API_KEY"),
      fromDocs("docs/new-domain.md", "npm run new-domain -- example.org --host prod --dry-run"),
      fromDocs("docs/new-domain.md", "npm run new-domain -- example.org --host prod"),
      fromDocs("docs/new-domain.md", "npm run new-domain -- example.org --host prod --verify"),
    ].join("\n");
    const made = await desk.did(told, `${desk.invented.apiToken}\nre_full\n`, env).finally(() => resend.close());
    expect(made).toContain(fromDocs("docs/new-domain.md", "pulumi preview --stack example-org"));
    // The pages about a domain call its stack `second`.
    const named = (command: string) => command.replace(/\bsecond\b/, "example-org");
    await desk.did("pulumi config set mail:hostAddress 192.0.2.1 --stack example-org");
    const refused = await desk.type("npm run settings -- example-org");
    expect(refused.stdout).toContain("pulumi config rm mail:hostAddress");
    await desk.did(named(fromDocs("docs/domains.md", "pulumi config rm mail:hostAddress --stack second")));
    const [settings, zone] = await all([
      named(fromDocs("docs/domains.md", "npm run settings -- second")),
      named(fromDocs("docs/domains.md", "npm run zone -- second")),
    ]);
    expect(settings).toMatch(/^hostStack +prod$/m);
    expect(zone).toContain("_domainkey.example.org. 300 IN TXT");
    await desk.did(fromDocs("docs/new-domain.md", "pulumi preview --stack example-org"));
    // That a destroy refuses before these two is in domains.test.ts.
    await desk.did(named(fromDocs("docs/domains.md", "pulumi config set mail:inbound off --stack second")));
    await desk.did(named(fromDocs("docs/domains.md", "pulumi config set mail:protect false --stack second")));
    await desk.up(named(fromDocs("docs/domains.md", "pulumi up --stack second")));
    const [ds, waiting] = await all([
      named(fromDocs("docs/domains.md", "pulumi stack output dnssecDs --stack second")),
      named(fromDocs("docs/domains.md", "npm run spool -- second list")),
    ]);
    expect(ds).toMatch(/^example\.org/);
    expect(waiting).toContain("empty");
    await desk.up(named(fromDocs("docs/domains.md", "pulumi destroy --stack second")));
  });

  it("does on the host what its page says", async () => {
    const { hostPort = "", hostUser = "", hostAddress = "" } = desk.invented.values;
    const ssh = fromDocs("docs/host.md", "ssh -p PORT USER@ADDRESS true")
      .replace("PORT", hostPort)
      .replace("USER", hostUser)
      .replace("ADDRESS", hostAddress);
    await desk.did(ssh.replace("ssh ", `ssh ${desk.sshOptions} `));
    const key = join(desk.checkout, "ssh_host_ed25519_key");
    await desk.did(`ssh-keygen -q -t ed25519 -N '' -f ${key}`);
    const shown = await desk.did(
      fromDocs("docs/start.md", "cat /etc/ssh/ssh_host_ed25519_key.pub").replace("/etc/ssh/ssh_host_ed25519_key", key),
    );
    expect(shown).toMatch(/^ssh-ed25519 \S+ /);
    expect((await desk.onHost(fromDocs("docs/backup.md", "df -h ~/apps"))).code).toBe(0);
    const project = "apps/mail-stack";
    const [, word = ""] = words(fromDocs("docs/doctor.md", "onhost verify"));
    const verify = fromDocs("docs/host-stalwart.md", "docker compose run --rm -T onhost COMMAND").replace(
      "COMMAND",
      word,
    );
    expect(await desk.onHost(verify, project)).toMatchObject({ code: 0 });
    for (const command of [
      fromDocs("docs/backup.md", "docker compose config"),
      fromDocs("docs/host.md", "docker compose stop"),
      fromDocs("docs/host.md", "docker compose down"),
      fromDocs("docs/host.md", "docker compose up --wait"),
    ])
      expect(await desk.onHost(command, project)).toMatchObject({ code: 0 });
  });

  it("takes it down, also when the host is gone for good", async () => {
    const urns = await desk.did(fromDocs("docs/host.md", "pulumi stack --show-urns"));
    const urn = /urn:pulumi:\S+::host-files\b/.exec(urns)?.[0] ?? "";
    await desk.did(fromDocs("docs/start.md", "pulumi config set mail:inbound off --stack prod"));
    await desk.did(fromDocs("docs/start.md", "pulumi config set mail:protect false --stack prod"));
    await desk.did(fromDocs("docs/ci.md", "pulumi config rm cloudflare:apiToken --stack prod"));
    await desk.up(fromDocs("docs/host.md", "pulumi up --replace URN").replace("URN", `'${urn}'`));
    await desk.outside.host.pause();
    const destroy = fromDocs("docs/start.md", "pulumi destroy --stack prod");
    const failed = await desk.type(destroy);
    expect(failed.code).not.toBe(0);
    await desk.did(fromDocs("docs/host.md", "pulumi state delete URN").replace("URN", `'${urn}'`));
    await desk.did(destroy);
    expect(desk.outside.world.zones[0]?.records.filter(({ type }) => type === "MX")).toEqual([]);
  });

  it("and every command explains itself", async () => {
    const helps = await all(OPERATORS.map((name) => `npm run --silent ${name} -- --help`));
    for (const [index, name] of OPERATORS.entries()) {
      expect(helps[index]).toContain(`npm run ${name} --`);
      expect(helps[index]).toContain("Exit code");
    }
  });

  it("shows three domains in the sandbox", async () => {
    const three = fromDocs("docs/domains.md", "npm run sandbox -- --domains 3");
    // With the engine it is domains.test.ts.
    const { code, stdout, stderr } = await typed(`${three} --without-engine`, { cwd: join(__dirname, "..", "..") });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    for (const domain of ["augustin.ai", "domain-2.example", "domain-3.example"])
      expect(stdout).toMatch(new RegExp(`^delivered +root@${domain}$`, "m"));
  });
});
