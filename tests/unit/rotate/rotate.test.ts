import { generateKeyPairSync } from "node:crypto";

import { run } from "../../../ops/rotate";
import type { Ran } from "../../../ops/rotate/pulumi";
import { ROTATIONS } from "../../../ops/rotate/rotations";
import { fromDocs } from "../../docs";

const PEM = { type: "pkcs8", format: "pem" } as const;
const START = Date.parse("2026-11-22T12:00:00Z");
const HOUR_MS = 3_600_000;

/** Pulumi's command line over a map: what was set is there, also after a run that was cut. */
class Line {
  readonly values = new Map<string, { value: string; secret: boolean }>();
  readonly calls: string[] = [];
  /** The call with this number is never made: the command is killed before it. */
  killBefore = Infinity;
  upFails = false;
  /** The stack whose `up` fails. */
  failingUp: string | undefined;
  /** What `mail:hostStack` is of each other stack that is up. */
  others: Readonly<Record<string, string | undefined>> = {};
  readonly ups: string[] = [];

  constructor() {
    const set = (key: string, value: string, secret = false) => void this.values.set(`mail:${key}`, { value, secret });
    set("domain", "example.test");
    set("dkimRsaSelector", "202601r");
    set("dkimEd25519Selector", "202601e");
    set(
      "dkimRsaPrivateKey",
      generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export(PEM).toString(),
      true,
    );
    set("dkimEd25519PrivateKey", generateKeyPairSync("ed25519").privateKey.export(PEM).toString(), true);
    set("adminPassword", "the-old-password", true);
    set("resendApiKey", "re_the_old_key_1", true);
    set("backup", "s3");
    set("backupPassword", "the-old-password-of-the-backups", true);
  }

  get = (key: string) => this.values.get(key)?.value;

  run = (args: readonly string[], input = ""): Promise<Ran> => {
    const secrets = [...this.values.values()].filter(({ secret }) => secret).map(({ value }) => value);
    for (const secret of secrets) expect(args.join(" ")).not.toContain(secret);
    if (this.calls.length + 1 >= this.killBefore) throw new Killed();
    this.calls.push(args.slice(0, 3).join(" "));
    const [command, verb] = args;
    const stack = args[args.indexOf("--stack") + 1] ?? "";
    if (command === "up") this.ups.push(stack);
    if (command === "stack") return answer(0, JSON.stringify(this.#stacks()));
    if (command === "up")
      return answer(this.upFails || stack === this.failingUp ? 1 : 0, this.upFails ? "error: the host is away" : "");
    if (verb === "--json") return answer(0, JSON.stringify(Object.fromEntries(this.values)));
    if (verb === "rm") return answer(this.values.delete(args[2] ?? "") ? 0 : 1, "configuration key not found");
    if (verb === "get")
      return answer(this.others[stack] === undefined ? 1 : 0, `${this.others[stack] ?? "not found"}\n`);
    if (verb === "set-all")
      for (const [index, word] of args.entries())
        if (word === "--plaintext") {
          const [key = "", ...value] = (args[index + 1] ?? "").split("=");
          this.values.set(key, { value: value.join("="), secret: false });
        }
    if (verb === "set") this.values.set(args[3] ?? "", { value: input, secret: args[2] === "--secret" });
    return answer(0, "");
  };

  #stacks() {
    return [
      { name: "prod", resourceCount: 90 },
      ...Object.keys(this.others).map((name) => ({ name, resourceCount: 30 })),
      { name: "prepared", resourceCount: 0 },
    ];
  }
}

class Killed extends Error {}
const answer = (code: number, output: string): Promise<Ran> => Promise.resolve({ code, output });

function command(line: Line, at = { ms: START }, given = "") {
  const said: string[] = [];
  const rotate = (...args: readonly string[]) =>
    run([...args, "--stack", "prod"], {
      pulumi: line.run,
      read: () => Promise.resolve(given),
      say: (text) => void said.push(text),
      now: () => new Date(at.ms),
      sleep: (milliseconds) => Promise.resolve((at.ms += milliseconds)),
    });
  return { rotate, said, at };
}

const progressIn = (line: Line) => [...line.values.keys()].filter((key) => key.startsWith("rotate:"));

test.each(Object.keys(ROTATIONS))("%s: a dry run changes nothing and shows no secret", async (name) => {
  const line = new Line();
  const before = new Map(line.values);
  const { code, stdout = "" } = await command(line, undefined, "re_the_new_key_2").rotate(name, "--dry-run");
  expect(code).toBe(0);
  expect(stdout).toContain("pulumi up");
  expect(stdout).not.toMatch(/PRIVATE KEY|re_the|the-old-password/);
  expect(line.values).toEqual(before);
  expect(line.calls.filter((call) => !/^(config --json --show-secrets|stack ls --json|config get)/.test(call))).toEqual(
    [],
  );
});

test.each([
  ["worker-key", { "mail:workerKeyNumber": "2" }],
  ["access-token", { "mail:accessTokenNumber": "2" }],
  ["certificate-token", { "mail:acmeTokenNumber": "2" }],
  ["resend-key", { "mail:resendApiKey": "re_the_new_key_2" }],
])("%s ends with the new value and nothing else", async (name, expected) => {
  const line = new Line();
  const before = new Map(line.values);
  expect(await command(line, undefined, "re_the_new_key_2\n").rotate(name)).toEqual({ code: 0 });
  const changed = [...line.values].filter(([key, { value }]) => before.get(key)?.value !== value);
  expect(Object.fromEntries(changed.map(([key, { value }]) => [key, value]))).toEqual(expected);
});

test("aws keeps the old key as long as a backup may take, and deletes it then", async () => {
  const line = new Line();
  const { rotate, at } = command(line);
  expect(await rotate("aws")).toEqual({ code: 3 });
  expect([line.get("mail:backupKeyNumber"), line.get("mail:backupKeyKept")]).toEqual(["2", "1"]);
  at.ms += 12 * HOUR_MS;
  expect(await rotate("aws")).toEqual({ code: 0 });
  expect([line.get("mail:backupKeyNumber"), line.get("mail:backupKeyKept")]).toEqual(["2", undefined]);
});

test("restic hands over the password before, first, until the host has changed it", async () => {
  const line = new Line();
  const { rotate, said } = command(line);
  line.upFails = true;
  expect((await rotate("restic")).code).toBe(1);
  const password = line.get("mail:backupPassword");
  expect(line.get("mail:backupPasswordPrevious")).toBe("the-old-password-of-the-backups");
  expect([...line.values].filter(([, { value }]) => value.includes("the-old-password-of"))).toEqual([
    ["rotate:restic", expect.objectContaining({ secret: true }) as unknown],
    ["mail:backupPasswordPrevious", expect.objectContaining({ secret: true }) as unknown],
  ]);
  line.upFails = false;
  expect(await rotate("restic")).toEqual({ code: 0 });
  expect(line.get("mail:backupPassword")).toBe(password);
  expect(password).toMatch(/^[\w-]{32}$/);
  expect(line.get("mail:backupPasswordPrevious")).toBeUndefined();
  expect(said.at(-1)).toContain("npm run recovery-kit -- STACK --with-secrets");
});

test("restic begins only where there are backups", async () => {
  const line = new Line();
  line.values.set("mail:backup", { value: "off", secret: false });
  const { code, stderr } = await command(line).rotate("restic");
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("mail:backup is off") as unknown });
  expect(line.ups).toEqual([]);
});

test.each(["worker-key", "access-token"])("%s changes its two values at once", async (name) => {
  const line = new Line();
  await command(line).rotate(name);
  const sets = line.calls.filter((call) => call.startsWith("config set") && !call.startsWith("config set --secret"));
  expect(sets).toEqual(["config set-all --plaintext"]);
});

describe("further domains on the host", () => {
  const others = { second: "prod", third: "prod", elsewhere: "other", alone: undefined };

  test.each(["worker-key", "access-token"])("%s: get what is new before the old one is withdrawn", async (name) => {
    const line = new Line();
    line.others = others;
    expect(await command(line).rotate(name)).toEqual({ code: 0 });
    expect(line.ups).toEqual(["prod", "second", "third", "prod"]);
  });

  test("are named by the dry run", async () => {
    const line = new Line();
    line.others = others;
    const { stdout = "" } = await command(line).rotate("worker-key", "--dry-run");
    expect(stdout.match(/pulumi up.*/g)).toEqual([
      "pulumi up",
      "pulumi up --stack second",
      "pulumi up --stack third",
      "pulumi up",
    ]);
    expect(line.ups).toEqual([]);
  });

  test("one whose up fails keeps the old one; the next run begins with the host again", async () => {
    const line = new Line();
    line.others = others;
    line.failingUp = "third";
    const { code, stderr } = await command(line).rotate("worker-key");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("pulumi up --stack third failed") as unknown,
    });
    expect(line.get("mail:workerKeyKept")).toBe("1");
    line.failingUp = undefined;
    expect(await command(line).rotate("worker-key")).toEqual({ code: 0 });
    expect(line.get("mail:workerKeyKept")).toBeUndefined();
  });

  test("need nothing for what only the host uses", async () => {
    const line = new Line();
    line.others = others;
    await command(line).rotate("admin-password");
    expect(line.ups).toEqual(["prod"]);
  });
});

test("certificate-token raises the number by the command of the reference", async () => {
  const line = new Line();
  const name = fromDocs("docs/reference.md", "npm run rotate -- certificate-token").split(" ").at(-1) ?? "";
  expect(await command(line).rotate(name)).toEqual({ code: 0 });
  expect(line.get("mail:acmeTokenNumber")).toBe("2");
  expect(line.ups).toEqual(["prod"]);
});

test("certificate-token leaves a token alone that was made by hand, and says what to do", async () => {
  const line = new Line();
  line.values.set("mail:acmeDnsToken", { value: "by-hand", secret: true });
  const before = new Map(line.values);
  const { code, stderr = "" } = await command(line).rotate("certificate-token");
  expect(code).toBe(1);
  expect(stderr).toContain("pulumi config set --secret mail:acmeDnsToken < FILE");
  expect(stderr).not.toContain("by-hand");
  expect(line.values).toEqual(before);
  expect(line.ups).toEqual([]);
});

test("access-token keeps the old token for a minute", async () => {
  const line = new Line();
  const { rotate, at, said } = command(line);
  await rotate("access-token");
  expect(at.ms - START).toBe(60_000);
  expect(said).toContain("Waiting 60 s.");
  expect(line.calls.filter((call) => call.startsWith("up"))).toHaveLength(2);
});

test.each(["worker-key", "access-token", "tunnel-token", "admin-password", "restic"])(
  "%s: killed before any of its calls, the next run ends it as if nothing had been",
  async (name) => {
    const whole = new Line();
    await command(whole).rotate(name);
    for (let killBefore = 1; killBefore <= whole.calls.length; killBefore += 1) {
      const line = new Line();
      line.killBefore = killBefore;
      await expect(command(line).rotate(name)).rejects.toThrow(Killed);
      line.killBefore = Infinity;
      const kept = line.get("mail:tunnelSecret");
      const previous = line.get("mail:backupPasswordPrevious");
      if (previous !== undefined) expect(previous).toBe("the-old-password-of-the-backups");
      expect(await command(line).rotate(name)).toEqual({ code: 0 });
      expect([...line.values.keys()].sort()).toEqual([...whole.values.keys()].sort());
      expect(line.get("mail:workerKeyNumber")).toBe(whole.get("mail:workerKeyNumber"));
      expect(line.get("mail:accessTokenNumber")).toBe(whole.get("mail:accessTokenNumber"));
      // Killed after the last `up`, it is only cleaned up; killed before, the same value is applied.
      if (kept !== undefined) expect(line.get("mail:tunnelSecret")).toBe(kept);
    }
  },
);

test("nothing is withdrawn while it is not known whether another stack uses it", async () => {
  const line = new Line();
  line.others = { second: "prod" };
  const pulumi = (args: readonly string[], input?: string): Promise<Ran> =>
    args[1] === "get" ? answer(1, "error: incorrect passphrase") : line.run(args, input);
  const { code, stderr } = await run(["worker-key", "--stack", "prod"], {
    ...{ pulumi, read: () => Promise.resolve(""), say: () => undefined, now: () => new Date(START) },
    sleep: () => Promise.resolve(),
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/stack second .* is not known: the passphrase is not the one of the stack second/);
  expect(line.ups).toEqual(["prod"]);
});

test("an up that fails leaves the rotation where it is, and says how to go on", async () => {
  const line = new Line();
  line.upFails = true;
  const { code, stderr } = await command(line).rotate("admin-password");
  expect(code).toBe(1);
  expect(stderr).toContain("the host is away");
  expect(stderr).toContain("run the same command again");
  expect(line.values.get("rotate:admin-password")?.secret).toBe(true);
  const password = line.get("mail:adminPassword");
  line.upFails = false;
  expect(await command(line).rotate("admin-password")).toEqual({ code: 0 });
  expect(line.get("mail:adminPassword")).toBe(password);
});

test("dkim: publishes, signs after an hour, withdraws after a week; the private keys are encrypted all the time", async () => {
  const line = new Line();
  const { rotate, at } = command(line);
  const old = line.get("mail:dkimRsaPrivateKey");
  expect(await rotate("dkim")).toEqual({ code: 3 });
  expect(line.get("mail:dkimPublished")).toMatch(/^202611r:rsa:\S+ 202611e:ed25519:\S+$/);
  expect(line.get("mail:dkimRsaPrivateKey")).toBe(old);

  at.ms += HOUR_MS - 1_000_000;
  expect(await rotate("dkim")).toEqual({ code: 3 });
  expect(line.get("mail:dkimRsaSelector")).toBe("202601r");

  at.ms += 1_000_000;
  expect(await rotate("dkim")).toEqual({ code: 3 });
  expect(line.get("mail:dkimRsaSelector")).toBe("202611r");
  expect(line.get("mail:dkimPublished")).toMatch(/^202601r:rsa:\S+ 202601e:ed25519:\S+$/);
  for (const [key, { value, secret }] of line.values)
    if (value.includes("PRIVATE KEY")) expect([key, secret]).toEqual([key, true]);

  at.ms += 7 * 24 * HOUR_MS;
  expect(await rotate("dkim")).toEqual({ code: 0 });
  expect(line.get("mail:dkimPublished")).toBeUndefined();
  expect(progressIn(line)).toEqual([]);
});

test("dkim twice in a month takes other selectors", async () => {
  const line = new Line();
  line.values.set("mail:dkimRsaSelector", { value: "202611r", secret: false });
  await command(line).rotate("dkim");
  expect(line.get("mail:dkimPublished")).toMatch(/^202611r2:rsa:/);
});

test.each([
  [["nothing"], 2, "cannot be rotated. Allowed: dkim, worker-key"],
  [[], 2, "Name one thing"],
  [["dkim", "aws"], 2, "Name one thing"],
  [["resend-key"], 1, "begins with re_"],
])("refuses %j", async (args, code, text) => {
  const result = await command(new Line()).rotate(...args);
  expect(result.code).toBe(code);
  expect(result.stderr).toContain(text);
});

test("a rotation whose progress cannot be read is not begun anew", async () => {
  const line = new Line();
  line.values.set("rotate:worker-key", { value: "{", secret: true });
  const { code, stderr } = await command(line).rotate("worker-key");
  expect(code).toBe(1);
  expect(stderr).toContain("pulumi config rm rotate:worker-key");
  expect(line.get("mail:workerKeyNumber")).toBeUndefined();
});
