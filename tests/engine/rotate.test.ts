import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { parseDocument, isMap } from "yaml";

import { settingsOf } from "../../infra/settings/stack-file";
import { run } from "../../ops/rotate";
import { SERVICE_TOKEN } from "../../sandbox/cloud/kinds/access";
import { tunnelToken, TUNNEL } from "../../sandbox/cloud/kinds/tunnel";
import { newZone } from "../../sandbox/cloud/zone";
import { toProject, toSettings } from "../../sandbox/engine/checkout";
import { type CommandLine, openCommandLine } from "../../sandbox/engine/command-line";
import { findEngine } from "../../sandbox/engine/find";
import { runOverSsh } from "../../sandbox/engine/ssh-client";
import { type Outside, startOutside, zoneId } from "../../sandbox/outside";
import { silent } from "../../sandbox/progress";
import { furtherStandIns, type StandIns, standIns } from "../../sandbox/stand-ins";
import { fromDocs, words } from "../docs";
import { describeEngine } from "./describe";
import { whileMailFlows } from "./mail-flow";

/** Every rotation on the engine, by the command itself, while mail comes in; then every message is in the mailbox once. */

/** As the pages have them. */
const TOLD = [
  fromDocs("docs/operate.md", "npm run rotate -- worker-key --stack prod"),
  fromDocs("docs/operate.md", 'read -rs KEY && printf %s "$KEY" | npm run rotate -- resend-key --stack prod').replace(
    /^.* \| /,
    "",
  ),
  fromDocs("docs/reference.md", "npm run rotate -- access-token --stack prod"),
  fromDocs("docs/reference.md", "npm run rotate -- tunnel-token --stack prod"),
  fromDocs("README.md", "npm run rotate -- dkim --stack prod"),
  fromDocs("docs/backup.md", "npm run rotate -- restic --stack prod"),
];
const ROOT = "root@augustin.ai";
const FURTHER = "second.example.org";
const BUCKETS = ["mail-spool-augustin-ai", "mail-spool-second-example-org"];
const ACCESS_KEY = "aws:iam/accessKey:AccessKey";
const DAY_MS = 86_400_000;
const TEST_MS = 400_000;

let outside: Outside;
let invented: StandIns;
let line: CommandLine;
/** How much later the command believes it is. */
let ahead = 0;
let said: string[] = [];

async function pulumi(args: readonly string[], input?: string, stack = "prod"): Promise<string> {
  const { code, output } = await line.pulumi([...args, "--stack", stack, "--non-interactive"], input);
  if (code !== 0) throw new Error(`pulumi ${args[0] ?? ""}: ${output}`);
  return output;
}

const setting = async (key: string) => (await pulumi(["config", "get", key])).trim();

/** What the stack file says, by key; a secret as it is encrypted there. */
function written(): Readonly<Record<string, unknown>> {
  const config = parseDocument(readFileSync(join(line.project, "Pulumi.prod.yaml"), "utf8")).get("config");
  if (!isMap(config)) throw new Error("the stack file has no config");
  return config.toJSON() as Readonly<Record<string, unknown>>;
}

function rotate(what: string, given = "", ...options: readonly string[]) {
  said = [];
  const told = TOLD.find((command) => words(command)[4] === what) ?? `npm run rotate -- ${what}`;
  const [args = ""] = told.replace("npm run rotate -- ", "").replace(" --stack prod", "").split(" <");
  return run([...words(args), "--stack", "prod", ...options], {
    pulumi: (args, input) => line.pulumi(args, input),
    read: () => Promise.resolve(given),
    say: (text) => void said.push(text),
    now: () => new Date(Date.now() + ahead),
    sleep: (milliseconds) => Promise.resolve((ahead += milliseconds)),
  });
}

/** A command of the host's user. */
async function onHost(command: string) {
  const connection = {
    ...{ host: "127.0.0.1", port: outside.host.ssh.port, user: "mail" },
    ...{ privateKey: invented.secrets["hostSshPrivateKey"] ?? "", hostKey: invented.values["hostKey"] ?? "" },
  };
  const { both, failure } = await runOverSsh(connection, command, "", {});
  return { both, failure };
}

/** The backup of the host, whose restic gets past the repository's login and password; undefined: it went well. */
async function backupFails(): Promise<string | undefined> {
  const { both, failure } = await onHost("apps/backup/mail-backup backup");
  return failure === undefined ? undefined : both;
}

const hostFile = (path: string) => readFileSync(join(outside.host.folder, "apps", path), "utf8");
const awsKeys = () => outside.world.all(ACCESS_KEY).map(({ id }) => id);

let flows = 0;

/** Every message was taken at once, and is there once. */
async function withoutLoss(what: string, work: () => Promise<unknown>, to: readonly string[] = [ROOT]) {
  flows += 1;
  const flow = { outside, buckets: BUCKETS, to, name: `rotate-${flows}` };
  const { ids, perSecond, ...became } = await whileMailFlows(flow, work);
  process.stdout.write(
    `${what}: ${ids.length} messages, ${perSecond.toFixed(1)}/s, ${became.spooled} waited in the spool\n`,
  );
  expect({ ...became, spooled: undefined }).toEqual({ refused: 0, lost: 0, twice: 0, spooled: undefined, left: [] });
  expect(ids.length).toBeGreaterThan(10);
  expect(perSecond).toBeGreaterThan(4);
  return became;
}

/** Of the host's own domain. */
async function signingSelectors(): Promise<readonly unknown[]> {
  const password = await setting("mail:adminPassword");
  const response = await fetch(`http://127.0.0.1:${outside.host.mailPort() ?? 0}/jmap`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`admin@augustin.ai:${password}`).toString("base64")}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({
      using: ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"],
      methodCalls: [["x:DkimSignature/get", { ids: null }, "0"]],
    }),
  });
  expect(response.status).toBe(200);
  const selectors = [...(await response.text()).matchAll(/"selector":"([^"]+)"/g)].map(([, selector]) => selector);
  return selectors.filter((selector) => selector?.startsWith("second-") === false).sort();
}

function publishedSelectors(): readonly string[] {
  const records = outside.world.zones[0]?.records ?? [];
  return records
    .flatMap(({ name, content }) =>
      /^"?v=DKIM1; k=/.test(content) ? [name.replace("._domainkey.augustin.ai", "")] : [],
    )
    .sort();
}

describeEngine("rotations while five messages a second come in", () => {
  beforeAll(async () => {
    invented = standIns("prod");
    outside = await startOutside(settingsOf("prod", invented), invented);
    const { command, ...nothing } = await findEngine(silent);
    if (command === undefined) throw new Error(JSON.stringify(nothing));
    line = await openCommandLine(command, outside.world, (project) =>
      toProject(project, { name: "prod", standIns: invented, apiUrl: outside.apiUrl }),
    );
    await line.pulumi(["stack", "init", "prod"]);
    for (const [key, value] of Object.entries(invented.secrets))
      await pulumi(["config", "set", "--secret", `mail:${key}`], value);
    await pulumi(["config", "set", "--secret", "cloudflare:apiToken"], invented.apiToken);
    await pulumi(["up", "--yes"]);
    outside.publishDs((await pulumi(["stack", "output", "dnssecDs"])).trim());

    outside.world.zones.push(newZone(zoneId(FURTHER), FURTHER));
    const own = furtherStandIns(FURTHER, "prod", invented);
    const selectors = { dkimRsaSelector: "second-r", dkimEd25519Selector: "second-e" };
    const further = { ...own, values: { ...own.values, ...selectors } };
    toSettings(line.project, {
      name: "second",
      standIns: further,
      apiUrl: outside.apiUrl,
      template: "stacks/domain.yaml",
    });
    await line.pulumi(["stack", "init", "second", "--no-select"]);
    for (const [key, value] of Object.entries(further.secrets))
      await pulumi(["config", "set", "--secret", `mail:${key}`], value, "second");
    await pulumi(["config", "set", "--secret", "cloudflare:apiToken"], invented.apiToken, "second");
    await pulumi(["up", "--yes"], undefined, "second");
    expect(await backupFails()).toBeUndefined();
  }, TEST_MS);

  afterAll(async () => {
    line.close();
    await outside.close();
  }, TEST_MS);

  test(
    "worker-key: no message has to wait in any domain, and the dry run before changes nothing",
    async () => {
      const { code, stdout } = await rotate("worker-key", "", "--dry-run");
      expect(code).toBe(0);
      expect(stdout).toContain("set mail:workerKeyNumber from 1 to 2");
      expect(Object.keys(written())).not.toContain("mail:workerKeyNumber");
      expect(stdout).toContain("pulumi up --stack second");
      const { spooled } = await withoutLoss(
        "worker-key",
        async () => expect(await rotate("worker-key")).toEqual({ code: 0 }),
        [ROOT, `root@${FURTHER}`],
      );
      expect(spooled).toBe(0);
      expect(await setting("mail:workerKeyNumber")).toBe("2");
      expect(readdirSync(join(outside.host.folder, "apps/stalwart/keys"))).toEqual(["worker-2"]);
    },
    TEST_MS,
  );

  test(
    "access-token: both are admitted until the Workers have the new one, no message has to wait in any domain",
    async () => {
      const [old] = outside.world.all(SERVICE_TOKEN).map(({ id }) => id);
      const { spooled } = await withoutLoss(
        "access-token",
        async () => expect(await rotate("access-token")).toEqual({ code: 0 }),
        [ROOT, `root@${FURTHER}`],
      );
      expect(spooled).toBe(0);
      const tokens = outside.world.all(SERVICE_TOKEN).map(({ id }) => id);
      expect(tokens).toHaveLength(1);
      expect(tokens).not.toContain(old);
    },
    TEST_MS,
  );

  test(
    "tunnel-token: stops half way when the host is away, and the same command ends it",
    async () => {
      const tunnelId = outside.world.all(TUNNEL)[0]?.id ?? "";
      const old = tunnelToken(outside.world, tunnelId);
      await outside.host.ssh.pause();
      const failed = await rotate("tunnel-token");
      await outside.host.ssh.resume();
      expect(failed.code).toBe(1);
      expect(failed.stderr).toContain("it goes on where it stopped");
      const secret = await setting("mail:tunnelSecret");
      await withoutLoss("tunnel-token", async () => expect(await rotate("tunnel-token")).toEqual({ code: 0 }));
      expect(said[0]).toMatch(/^Again: /);
      expect(await setting("mail:tunnelSecret")).toBe(secret);
      expect(tunnelToken(outside.world, tunnelId)).not.toBe(old);
      expect(outside.world.all(TUNNEL).map(({ id }) => id)).toEqual([tunnelId]);
    },
    TEST_MS,
  );

  test(
    "resend-key: Stalwart gets the key that standard input has",
    async () => {
      expect(await rotate("resend-key", "nonsense")).toMatchObject({ code: 1 });
      const key = "re_new0123456789abcdef012345";
      await withoutLoss("resend-key", async () => expect(await rotate("resend-key", `${key}\n`)).toEqual({ code: 0 }));
      expect(await setting("mail:resendApiKey")).toBe(key);
    },
    TEST_MS,
  );

  test(
    "admin-password: the administrator logs in with the new one",
    async () => {
      const old = await setting("mail:adminPassword");
      await withoutLoss("admin-password", async () => expect(await rotate("admin-password")).toEqual({ code: 0 }));
      expect(await setting("mail:adminPassword")).not.toBe(old);
      expect(await signingSelectors()).toEqual(["202602e", "202602r"]);
    },
    TEST_MS,
  );

  test(
    "restic: a repository that refuses is given the new password by the next backup; then the same command ends it",
    async () => {
      const old = await setting("mail:backupPassword");
      outside.world.failOnce("restic key add");
      await withoutLoss("restic", async () => {
        const failed = await rotate("restic");
        expect(failed.code).toBe(1);
        expect(failed.stderr).toContain("backups go on; the next one tries this again");
        expect(await setting("mail:backupPasswordPrevious")).toBe(old);
        expect(await backupFails()).toBeUndefined();
        expect(await rotate("restic")).toEqual({ code: 0 });
      });
      expect(said[0]).toMatch(/^Again: /);
      const password = await setting("mail:backupPassword");
      expect(password).not.toBe(old);
      expect(hostFile("backup/secrets/password")).toBe(`${password}\n`);
      expect(existsSync(join(outside.host.folder, "apps/backup/secrets/former-password"))).toBe(false);
      expect(await backupFails()).toBeUndefined();
      writeFileSync(join(outside.host.folder, "apps/backup/secrets/tried"), `${old}\n`, { mode: 0o600 });
      const { both } = await onHost(
        "docker compose -f apps/mail-stack/compose.yaml --profile tools run --rm -T " +
          "--env=RESTIC_PASSWORD_FILE=/apps/backup/secrets/tried restic cat config",
      );
      expect(both).toContain("wrong password");
    },
    TEST_MS,
  );

  test(
    "aws: two keys until no backup can have the old one any more, backups before, between and after",
    async () => {
      const [old = ""] = awsKeys();
      expect(hostFile("backup/secrets/restic.env")).toContain(old);
      await withoutLoss("aws switch", async () => expect(await rotate("aws")).toEqual({ code: 3 }));
      const [, fresh = ""] = awsKeys();
      expect(awsKeys()).toEqual([old, fresh]);
      expect(hostFile("backup/secrets/restic.env")).toContain(fresh);
      expect(await backupFails()).toBeUndefined();

      ahead += DAY_MS / 2;
      await withoutLoss("aws withdraw", async () => expect(await rotate("aws")).toEqual({ code: 0 }));
      expect(awsKeys()).toEqual([fresh]);
      expect(await backupFails()).toBeUndefined();
    },
    TEST_MS,
  );

  test(
    "dkim: published first, then signing, withdrawn a week later; whatever signs is always published",
    async () => {
      const month = new Date(Date.now() + ahead).toISOString().slice(0, 7).replace("-", "");
      const [e, r] = [`${month}e`, `${month}r`];
      await withoutLoss("dkim publish", async () => expect(await rotate("dkim")).toEqual({ code: 3 }));
      expect(publishedSelectors()).toEqual(["202602e", "202602r", e, r].sort());
      expect(await signingSelectors()).toEqual(["202602e", "202602r"]);
      // Too early: nothing happens.
      expect(await rotate("dkim")).toEqual({ code: 3 });
      expect(said.join()).toContain("not before");

      ahead += 2 * 3_600_000;
      await withoutLoss("dkim sign", async () => expect(await rotate("dkim")).toEqual({ code: 3 }));
      expect(publishedSelectors()).toEqual(["202602e", "202602r", e, r].sort());
      expect(await signingSelectors()).toEqual([e, r].sort());

      ahead += 7 * DAY_MS;
      await withoutLoss("dkim withdraw", async () => expect(await rotate("dkim")).toEqual({ code: 0 }));
      expect(publishedSelectors()).toEqual([e, r].sort());
      expect(await signingSelectors()).toEqual([e, r].sort());
    },
    TEST_MS,
  );

  test(
    "leaves nothing to change and no trace in the configuration",
    async () => {
      await pulumi(["preview", "--refresh", "--expect-no-changes"]);
      const keys = Object.keys(written());
      expect(keys.filter((key) => key.startsWith("rotate:"))).toEqual([]);
    },
    TEST_MS,
  );
});
