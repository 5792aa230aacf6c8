import { run, type Surroundings } from "../../ops/doctor";
import { type Credential, CREDENTIALS } from "../../ops/doctor/check";
import { checksOf } from "../../ops/doctor/checks";
import { ACCOUNT_BREAKS, HOME_BREAKS, PUBLIC_BREAKS } from "../doctor/breaks";
import { faultsOf, skipsOf, withLab } from "../doctor/judge";

/** The whole command may take so long; node's start and decrypting, which tests/engine/doctor.test.ts has, come on top. */
const RUN_BUDGET_MS = 8_000;
/** Asked for with `--canary` alone. */
const ON_REQUEST = ["canary.sent", "canary.arrived"];

const lab = withLab();
const checks = () => checksOf(lab().patient.deployment);
const ids = () => checks().map(({ id }) => id);

interface Report {
  readonly summary: Readonly<Record<"ok" | "warning" | "error" | "skipped", number>>;
  readonly ms: number;
  readonly checks: readonly { readonly id: string; readonly status: string; readonly current: string }[];
}

/** The command with everything that it may have but the consent to a mail. */
async function doctor(...args: readonly string[]): Promise<{ code: number; report: Report }> {
  const { patient, network } = lab();
  const missing = new Map<Credential, string>([["canary", `needs ${CREDENTIALS.canary}`]]);
  const { code, stdout = "" } = await run(["prod", "--json", ...args], {
    ...{ patient: { ...patient, missing }, network, environment: {} },
    ...({ input: {}, output: {} } as unknown as Pick<Surroundings, "input" | "output">),
  });
  return { code, report: JSON.parse(stdout) as Report };
}

describe("a healthy deployment, all of it in one run", () => {
  test("every check is ok but the mail, which is not asked for, and it takes less than ten seconds", async () => {
    const start = Date.now();
    const { code, report } = await doctor();
    const ms = Date.now() - start;
    expect(report.checks.filter(({ status }) => status !== "ok").map(({ id, current }) => [id, current])).toEqual(
      ON_REQUEST.map((id) => [id, "needs your consent to a mail: add --canary"]),
    );
    expect(report.checks.map(({ id }) => id)).toEqual(ids());
    expect(report.summary).toEqual({ ok: ids().length - 2, warning: 0, error: 0, skipped: 2 });
    expect(code).toBe(0);
    expect(ms).toBeLessThan(RUN_BUDGET_MS);
    process.stdout.write(`doctor: ${report.summary.ok} checks of every kind in ${ms} ms\n`);
  });

  test("with --canary every check is ok, the mail too", async () => {
    const { code, report } = await doctor("--canary");
    expect(report.checks.filter(({ status }) => status !== "ok")).toEqual([]);
    expect([code, report.summary.ok]).toEqual([0, ids().length]);
  });

  test("no secret is in what is said", async () => {
    const text = JSON.stringify(await doctor());
    const { environment = {}, deployment } = lab().patient;
    const { stalwart, resend, host, dkim, backup } = deployment.settings;
    const secrets = [stalwart.adminPassword, stalwart.accountPassword, resend.apiKey, host.sshPrivateKey];
    const more = [dkim.rsa.privateKey, dkim.ed25519.privateKey, ...(backup ? [backup.password] : [])];
    for (const secret of [...secrets, ...more])
      expect(text).not.toContain(JSON.stringify(secret.reveal()).slice(1, -1));
    expect(text).not.toContain(environment["CLOUDFLARE_API_TOKEN"] ?? "no token");
    for (const part of ["cfast_", "tunnelSecret", "PRIVATE KEY"]) expect(text).not.toContain(part);
  });
});

test("each check of the documented deployment has something that breaks it", () => {
  const broken = new Set([...PUBLIC_BREAKS, ...ACCOUNT_BREAKS, ...HOME_BREAKS].map(({ id }) => id));
  expect(ids().filter((id) => !broken.has(id))).toEqual([]);
  expect([...broken].filter((id) => !ids().includes(id))).toEqual([]);
});

test.each(Object.keys(CREDENTIALS) as Credential[])("without %s exactly its checks are skipped", async (credential) => {
  const missing = new Map<Credential, string>([
    ["canary", "none"],
    [credential, "none"],
  ]);
  const results = await lab().look({ missing });
  const lack = checks().filter(({ credentials }) => credentials.some((one) => missing.has(one)));
  expect(skipsOf(results)).toEqual(lack.map(({ id }) => `${id}: none`));
  expect(faultsOf(results)).toEqual([]);
});

test("a token that the account refuses is the one error", async () => {
  const { environment = {} } = lab().patient;
  const before = environment["CLOUDFLARE_API_TOKEN"];
  environment["CLOUDFLARE_API_TOKEN"] = "another";
  try {
    expect(faultsOf(await lab().look({ only: ["edge", "tunnel", "spool"] }))).toEqual([
      expect.objectContaining({ id: "edge.token", status: "error", current: "refused" }),
    ]);
  } finally {
    environment["CLOUDFLARE_API_TOKEN"] = before;
  }
});

test("outside of the tailnet nothing is said of its ports", async () => {
  lab().web.addresses.clear();
  const reason = "only the tailnet reaches it, and this machine is not in it";
  expect(skipsOf(await lab().look({ only: ["web.port"] }))).toEqual(
    ["imaps", "submissions", "submission"].map((service) => `web.port.${service}: ${reason}`),
  );
});

test("what cannot be known is skipped, with the reason", async () => {
  lab().dns.validates = false;
  lab().web.deadPorts.add(25);
  expect(skipsOf(await lab().look({ only: ["dnssec.chain", "exchange"] }))).toEqual([
    "dnssec.chain: this resolver does not validate; name one that does: --resolver 1.1.1.1",
    ...[1, 2, 3].map(
      (number) =>
        `exchange.route${number}.mx.cloudflare.net: port 25 is not reachable from here; most networks forbid it`,
    ),
  ]);
});
