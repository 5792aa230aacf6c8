import { SCENARIOS, recoveryPlan } from "../../ops/recover/plans";
import { run, type Terminal } from "../../ops/recover";
import { renderKit } from "../../ops/recovery-kit";
import { Secret } from "../../infra/settings/secret";
import { backupSettings } from "./backup/fixtures";
import { documented, SECRETS } from "./host/fixtures";

const settings = documented({ backup: backupSettings() });

function terminal({ answers = [] as boolean[], failing = "" } = {}) {
  const said: string[] = [];
  const ran: string[] = [];
  const perform = (where: string) => (command: string) => {
    ran.push(`${where}: ${command}`);
    return Promise.resolve(failing !== "" && command.includes(failing) ? 7 : 0);
  };
  const surroundings: Terminal = {
    say: (text) => void said.push(text),
    agree: () => Promise.resolve(answers.shift() ?? false),
    shell: () => ({
      here: perform("here"),
      host: perform("host"),
      answer: () => Promise.resolve(undefined),
      pipe: perform("pipe"),
      close: () => undefined,
    }),
    settings: () => settings,
  };
  return { surroundings, said, ran };
}

describe("npm run recover", () => {
  it("shows the plan first and does nothing without consent", async () => {
    const { surroundings, said, ran } = terminal();
    expect(await run(["prod", "restore"], surroundings)).toBe(1);
    expect(said.join("")).toContain("mail-backup restore mail latest");
    expect(ran).toEqual([]);
  });

  it("only shows it with --plan", async () => {
    const { surroundings, ran } = terminal({ answers: [true] });
    expect(await run(["prod", "host", "--plan"], surroundings)).toBe(0);
    expect(ran).toEqual([]);
  });

  it("stops at a step that fails, says how to go on, and goes on there", async () => {
    const first = terminal({ failing: "restore nothing" });
    expect(await run(["prod", "reimport", "--yes"], first.surroundings)).toBe(1);
    expect(first.ran).toHaveLength(2);
    expect(first.said.join("")).toContain("npm run recover -- prod reimport --from 2");
    const second = terminal();
    expect(await run(["prod", "reimport", "--yes", "--from", "2"], second.surroundings)).toBe(0);
    expect(second.ran).toHaveLength(3);
    expect(second.ran[0]).toBe(first.ran[1]);
  });

  it.each([["prod", "fire"], [], ["prod", "restore", "--snapshot", "x; rm -rf /"], ["prod", "restore", "--from", "0"]])(
    "refuses %j %j %j %j",
    async (...args) => {
      const { surroundings, ran } = terminal();
      expect(await run(args, surroundings)).toBe(2);
      expect(ran).toEqual([]);
    },
  );

  it("knows no backup where there is none", async () => {
    const { surroundings, said } = terminal();
    const without = { ...surroundings, settings: () => documented() };
    expect(await run(["prod", "restore", "--yes"], without)).toBe(1);
    expect(said.join("")).toContain("mail:backup is off");
  });

  it("never has a secret in a plan", () => {
    const options = { stack: "prod", snapshot: "latest", folder: "x" };
    const plans = JSON.stringify(SCENARIOS.map((name) => recoveryPlan(name, settings, options)));
    for (const secret of Object.values(SECRETS)) expect(plans).not.toContain(secret);
  });
});

describe("the recovery kit", () => {
  it("names what is needed and holds no secret unless asked", () => {
    const page = renderKit("prod", settings, {});
    for (const part of ["Pulumi.prod.yaml", "PULUMI_CONFIG_PASSPHRASE", "s3://augustin-backups/i3", "AWS"])
      expect(page).toContain(part);
    for (const secret of [...Object.values(SECRETS), "backup-password-value"]) expect(page).not.toContain(secret);
    expect(page.split("\n").length).toBeLessThan(60);
    expect(renderKit("prod", settings, { backupPassword: "the-password" })).toContain("the-password");
  });

  it("says how an SFTP repository is reached without this program, and where its keys are", () => {
    const sftp = { privateKey: new Secret("the-ssh-key"), hostKeys: ["ssh-ed25519 AAAA", "ssh-rsa BBBB"] };
    const url = new Secret("sftp://u@storage.example.org//mail");
    const target = { kind: "repository", url, environment: new Secret(""), sftp } as const;
    const page = renderKit("prod", documented({ backup: backupSettings({ target }) }), {});
    for (const part of [
      "mail:backupSshPrivateKey",
      "  storage ssh-ed25519 AAAA\n  storage ssh-rsa BBBB\n",
      "-i KEY-FILE",
    ])
      expect(page).toContain(part);
    expect(page).not.toMatch(/the-ssh-key|storage\.example\.org/);
    expect(renderKit("prod", settings, {})).not.toMatch(/backupSsh|KEY-FILE/);
  });
});
