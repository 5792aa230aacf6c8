import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { DOCUMENTED_DIRECTORY, STACK_DIRECTORY_VARIABLE } from "../../infra/settings/stack-file";
import { temporaryFolder } from "../../sandbox/temporary";
import { type Ran, typed } from "../shell";

const ROOT = join(__dirname, "../..");
const PARTS = ["package.json", "tsconfig.json", "Pulumi.yaml", "infra", "worker", "onhost", "ops", "sandbox"];
const ADDRESS = "root@second.example";
const BUDGET_MS = 120_000;

/** Every command about a stack, as a process, with the stack of a further domain (stacks/domain.yaml). */
describe("commands with the stack of a further domain", () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const run = (command: string, environment: NodeJS.ProcessEnv = {}): Promise<Ran> =>
    typed(`npm run --silent ${command}`, {
      cwd: folder.path,
      // The passphrase and the account of this machine are not asked for.
      env: {
        ...process.env,
        [STACK_DIRECTORY_VARIABLE]: folder.path,
        PULUMI_CONFIG_PASSPHRASE: undefined,
        CLOUDFLARE_API_TOKEN: undefined,
        ...environment,
      },
    });

  beforeAll(() => {
    for (const part of PARTS) cpSync(join(ROOT, part), at(part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), at("node_modules"));
    const further = readFileSync(join(ROOT, "stacks/domain.yaml"), "utf8")
      .replaceAll("example.org", "second.example")
      .replace('RsaSelector: ""', "RsaSelector: 202611r")
      .replace('Ed25519Selector: ""', "Ed25519Selector: 202611e");
    writeFileSync(at("Pulumi.second.yaml"), further);
    const prod = readFileSync(join(DOCUMENTED_DIRECTORY, "Pulumi.prod.yaml"), "utf8");
    writeFileSync(at("Pulumi.prod.yaml"), prod);
    writeFileSync(at("Pulumi.bare.yaml"), prod.replace(/ {2}mail:clientTcp:(\n {4}- .*)+\n?/, ""));
    writeFileSync(at("Pulumi.third.yaml"), further.replace("mail:hostStack: prod", "mail:hostStack: bare"));
  });
  afterAll(() => folder.remove());

  it(
    "client: the ways in are the host's, the address and what sets itself up are the domain's",
    async () => {
      const [sheet, iphone, laptop] = await Promise.all(
        ["sheet", "iphone", "laptop --os linux"].map((what) => run(`client -- ${what} --stack second --json`)),
      );
      for (const ran of [sheet, iphone, laptop]) expect(ran).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(sheet?.stdout ?? "")).toMatchObject({
        stack: "second",
        address: ADDRESS,
        waysIn: [
          { entries: [{ host: "stalwart.augustin.ai", port: 993, user: ADDRESS }, { port: 465 }, { port: 587 }] },
          {
            entries: [
              { host: "imap.augustin.ai", port: 1993, user: ADDRESS },
              { host: "imap.augustin.ai", port: 1465 },
            ],
          },
          { entries: [{ host: "stalwart.augustin.ai", port: 443 }, {}, {}] },
        ],
      });
      const profile = readFileSync(at(`client/${ADDRESS}.mobileconfig`), "utf8");
      expect(profile).toContain(`<string>${ADDRESS}</string>`);
      expect(profile).toContain("<string>stalwart.augustin.ai</string>");
      expect(profile).not.toContain("stalwart.second.example");
      expect(JSON.parse(iphone?.stdout ?? "")).toMatchObject({
        url: `https://autoconfig.second.example/mail.mobileconfig?emailaddress=${encodeURIComponent(ADDRESS)}`,
      });
      // One cloudflared for all domains of the host: the same names, ports and units as with the host's own stack.
      const ofHost = await run("client -- laptop --os linux --stack prod --json --out client");
      const { services: own, files } = JSON.parse(ofHost.stdout) as {
        services: unknown;
        files: { changed: boolean }[];
      };
      expect(JSON.parse(laptop?.stdout ?? "")).toMatchObject({ user: ADDRESS, services: own });
      expect(files.map(({ changed }) => changed)).toEqual([false, false]);
      expect(readdirSync(at("client")).filter((name) => name.endsWith(".service"))).toEqual([
        "mail-augustin.ai-imaps.service",
        "mail-augustin.ai-submissions.service",
      ]);
    },
    BUDGET_MS,
  );

  it(
    "client: says what is not there, with the host's stack to change",
    async () => {
      const [foreign, nothing] = await Promise.all([
        run("client -- sheet --stack second --address root@augustin.ai"),
        run("client -- laptop --stack third"),
      ]);
      expect(foreign).toMatchObject({ code: 1, stdout: "" });
      expect(foreign.stderr).toContain("Name one that ends in @second.example.");
      expect(nothing).toMatchObject({ code: 1, stdout: "" });
      expect(nothing.stderr).toContain("The stack bare offers nothing over the TCP tunnel");
      expect(nothing.stderr).toContain("imaps --stack bare");
    },
    BUDGET_MS,
  );

  it(
    "topology: its own way in, and the host's tunnel, home and relay",
    async () => {
      const { code, stdout } = await run("topology -- second");
      expect(code).toBe(0);
      for (const part of [
        'routing -->|"message"| worker_mail_inbound_second_example\n',
        'worker_mail_inbound_second_example -->|"JMAP"| access_service\n',
        "tunnel --> cloudflared\n",
        'stalwart -->|"SMTP"| relay\n',
        'phone -->|"IMAP, submission"| tailscale\n',
      ])
        expect(stdout).toContain(part);
      // Nothing that is the host's domain's alone.
      for (const part of ["worker_mail_inbound[", "bucket_mail_spool_augustin_ai", "certificate (DNS-01)"])
        expect(stdout).not.toContain(part);
    },
    BUDGET_MS,
  );

  it.each<[command: string, code: number, says: string]>([
    ["zone -- second", 0, "second.example. 1 IN MX 50 route1.mx.cloudflare.net."],
    [
      "settings -- second",
      1,
      "openssl rand -base64 30 | pulumi config set --secret mail:accountPassword --stack second",
    ],
    ["reports -- second", 1, "MAIL_PASSWORD is not set."],
    ["spool -- second list", 1, "mail:accountId is missing or wrong in Pulumi.prod.yaml"],
    ["recovery-kit -- second", 1, "Run it for that one, with prod in the place of second."],
    ["recover -- second", 1, "Run it for that one, with prod in the place of second."],
    ["recover -- second restore", 1, "Run it for that one, with prod in the place of second."],
    ["upgrade -- second --plan", 1, "Run it for that one, with prod in the place of second."],
  ])(
    "%s",
    async (command, code, says) => {
      const ran = await run(command);
      expect(ran).toMatchObject({ code });
      expect(ran.stdout + ran.stderr).toContain(says);
      expect(ran.stdout + ran.stderr).not.toMatch(/^ {4}at /m);
    },
    BUDGET_MS,
  );

  it(
    "reports: asks the host's server for the domain's own account",
    async () => {
      const elsewhere = { MAIL_PASSWORD: "secret-of-nobody", MAIL_JMAP_URL: "http://127.0.0.1:1" };
      const { code, stderr } = await run("reports -- second", elsewhere);
      expect(code).toBe(1);
      expect(stderr).not.toContain("secret-of-nobody");
      expect(stderr).toContain("127.0.0.1:1");
    },
    BUDGET_MS,
  );
});
