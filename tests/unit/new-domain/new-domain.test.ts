import { createPrivateKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { run } from "../../../ops/new-domain";
import { resendRecords } from "../../../infra/dns/resend";
import type { DomainSettings, ResendRecord } from "../../../infra/settings/settings";
import { checkStackFile } from "../../../infra/settings/stack-file";
import type { ResendApiRecord } from "../../../sandbox/cloud/resend-api";
import { STAND_INS } from "../../../ops/public-settings";
import type { Zone } from "../../../sandbox/cloud/zone";
import { ACCOUNT, type Lab, openLab, RESEND_KEY } from "./lab";

const HOST = `config:\n  mail:domain: host.example\n  mail:accountId: ${ACCOUNT}\n  mail:hostAddress: 192.0.2.1\n`;
const labs: Lab[] = [];

async function lab(...args: Parameters<typeof openLab>): Promise<Lab> {
  const opened = await openLab(...args);
  labs.push(opened);
  opened.write("prod", HOST);
  return opened;
}
afterEach(() => labs.splice(0).forEach((each) => each.close()));

function configOf(text: string | undefined): Record<string, unknown> {
  return (parse(text ?? "") as { config: Record<string, unknown> }).config;
}

/** What the stack file has of a record at Resend. */
function kept({ record, name, type, value, priority }: ResendApiRecord): object {
  return { record, type, name, value, ...(priority === undefined ? {} : { priority }) };
}

/** Everything that the command could have changed. */
function everything({ directory, world, resend, stacks }: Lab): string {
  const files = readdirSync(directory)
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => [name, readFileSync(join(directory, name), "utf8")]);
  const secrets = [...stacks].map(([stack, values]) => [stack, [...values]]);
  return JSON.stringify([files, world.zones, resend.domains, resend.keys, secrets]);
}

describe("npm run new-domain -- example.org --host prod", () => {
  it("makes the stack, shows the difference and stops before up", async () => {
    const made = await lab();
    const { code, stdout = "", stderr } = await made.newDomain("example.org", "--host", "prod");
    expect({ code, stderr }).toEqual({ code: 0 });
    expect(stdout.replace(/p=[A-Za-z0-9+/=]+(\.\.\.)?/, "p=KEY")).toBe(
      readFileSync(join(__dirname, "../../golden/new-domain.txt"), "utf8"),
    );
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);

    const [domain] = made.resend.domains;
    const config = configOf(made.file("example-org"));
    expect(config).toMatchObject({
      "mail:domain": "example.org",
      "mail:primaryAddress": "root@example.org",
      "mail:hostStack": "prod",
      "mail:dkimRsaSelector": "202611r",
      "mail:dkimEd25519Selector": "202611e",
      "mail:resendRecords": domain?.records.map(kept),
    });
    expect(config).not.toHaveProperty("mail:accountId");
    const secrets = made.stacks.get("example-org");
    expect([...(secrets?.keys() ?? [])]).toEqual([
      "mail:dkimRsaPrivateKey",
      "mail:dkimEd25519PrivateKey",
      "mail:accountPassword",
    ]);
    // Nothing is left to set before the next command.
    const bare = Object.fromEntries([...(secrets ?? [])].map(([key, value]) => [key.replace("mail:", ""), value]));
    expect(checkStackFile("example-org", { directory: made.directory, secrets: bare }).kind).toBe("settings");
    expect(createPrivateKey(secrets?.get("mail:dkimRsaPrivateKey") ?? "")).toMatchObject({
      asymmetricKeyType: "rsa",
      asymmetricKeyDetails: { modulusLength: 2048 },
    });
    expect(createPrivateKey(secrets?.get("mail:dkimEd25519PrivateKey") ?? "").asymmetricKeyType).toBe("ed25519");
    expect(made.resend.requests.filter((request) => request.startsWith("POST"))).toEqual(["POST /domains"]);
  });

  it("changes nothing the second time, and says so", async () => {
    const made = await lab();
    await made.newDomain("example.org", "--host", "prod");
    const before = everything(made);
    const again = await made.newDomain("example.org", "--host", "prod", "--json");
    expect(JSON.parse(again.stdout ?? "")).toMatchObject({
      changes: [],
      open: [],
      next: "pulumi preview --stack example-org",
    });
    expect(again.stdout).not.toMatch(/"state": "(?!found)/);
    expect(everything(made)).toBe(before);
  });

  it("changes nothing anywhere with --dry-run, and says what it would do", async () => {
    const made = await lab({}, []);
    const before = everything(made);
    const { code, stdout } = await made.newDomain("example.org", "--host", "prod", "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toContain("zone    would be made");
    expect(stdout).toContain("+ mail:hostStack: prod");
    expect(stdout).toContain("Nothing was changed.");
    expect(everything(made)).toBe(before);
    expect(made.resend.requests.every((request) => request.startsWith("GET"))).toBe(true);
  });

  it.each(["mail:dkimRsaPrivateKey", "mail:dkimEd25519PrivateKey", "mail:accountPassword"])(
    "goes on where it broke off: %s",
    async (key) => {
      const made = await lab();
      made.failAt(key);
      expect(await made.newDomain("example.org", "--host", "prod")).toMatchObject({ code: 1 });
      const kept = made.stacks.get("example-org")?.get("mail:dkimRsaPrivateKey");
      expect(await made.newDomain("example.org", "--host", "prod")).toMatchObject({ code: 0 });
      expect(made.stacks.get("example-org")?.size).toBe(3);
      if (kept !== undefined) expect(made.stacks.get("example-org")?.get("mail:dkimRsaPrivateKey")).toBe(kept);
      expect(made.resend.domains).toHaveLength(1);
    },
  );

  it("takes up what the operator wrote, comments too", async () => {
    const made = await lab();
    made.write(
      "example-org",
      "# Mine.\nconfig:\n  mail:domain: example.org # the one\n  mail:hostStack: prod\n  mail:primaryAddress: me@example.org\n" +
        "  mail:dkimRsaSelector: old1\n  mail:dkimRsaPrivateKey:\n    secure: v1:x:y\n  mail:dmarcPolicy: none\n",
    );
    expect(await made.newDomain("example.org", "--host", "prod")).toMatchObject({ code: 0 });
    const text = made.file("example-org");
    expect(text).toContain("# Mine.");
    expect(text).toContain("# the one");
    expect(configOf(text)).toMatchObject({
      "mail:primaryAddress": "me@example.org",
      "mail:dkimRsaSelector": "old1",
      "mail:dkimRsaPrivateKey": { secure: "v1:x:y" },
      "mail:dkimEd25519Selector": "202611e",
      "mail:dmarcPolicy": "none",
    });
    expect([...(made.stacks.get("example-org")?.keys() ?? [])]).toEqual([
      "mail:dkimEd25519PrivateKey",
      "mail:accountPassword",
    ]);
  });

  it("names no selector for a key that somebody else made", async () => {
    const made = await lab();
    made.write(
      "example-org",
      "config:\n  mail:domain: example.org\n  mail:hostStack: prod\n  mail:dkimRsaPrivateKey:\n    secure: v1:x:y\n",
    );
    const { stdout } = await made.newDomain("example.org", "--host", "prod");
    expect(stdout).toContain("pulumi config set mail:dkimRsaSelector VALUE --stack example-org");
    expect(stdout).toContain("Next: npm run settings -- example-org");
  });

  it("takes up a domain that Resend has, with its region and whatever records it asks for", async () => {
    const common = { ttl: "Auto", status: "verified" };
    const made = await lab({
      records: () => [
        { record: "DKIM", name: "abc._domainkey", type: "CNAME", value: "abc.dkim.amazonses.com", ...common },
        { record: "Receiving", name: "@", type: "MX", value: "inbound-smtp.amazonaws.com", priority: 10, ...common },
        { record: "TrackingCAA", name: "links", type: "CAA", value: "0 issue amazon.com", ...common },
      ],
    });
    for (let count = 0; count < 150; count += 1) made.resend.add(`d${count}.example`, "us-east-1");
    made.resend.add("host.example", "sa-east-1");
    made.resend.add("example.org", "eu-west-1");
    const { stdout } = await made.newDomain("example.org", "--host", "prod");
    expect(stdout).toMatch(/Resend +found +eu-west-1/);
    const records = configOf(made.file("example-org"))["mail:resendRecords"] as readonly { name: string }[];
    expect(records.map(({ name }) => name)).toEqual(["send", "send", "resend._domainkey", "abc._domainkey"]);
    expect((await made.newDomain("example.org", "--host", "prod", "--region", "us-east-1")).stderr).toContain(
      "cannot be changed",
    );
  });

  it("puts a new domain where the host's is", async () => {
    const made = await lab();
    made.resend.add("host.example", "ap-northeast-1");
    await made.newDomain("example.org", "--host", "prod");
    expect(made.resend.domains.at(-1)).toMatchObject({ name: "example.org", region: "ap-northeast-1" });
  });

  it("follows Resend when its records change", async () => {
    const made = await lab();
    await made.newDomain("example.org", "--host", "prod");
    made.write("example-org", (made.file("example-org") ?? "").replace("include:amazonses.com", "include:old.example"));
    const { stdout } = await made.newDomain("example.org", "--host", "prod");
    expect(stdout).toContain("- mail:resendRecords: TXT send v=spf1 include:old.example ~all");
    expect(made.file("example-org")).toContain("include:amazonses.com");
  });

  it("makes the zone that is missing, and says what the registrar has to do", async () => {
    const made = await lab({}, []);
    const { stdout } = await made.newDomain("example.org", "--host", "prod", "--json");
    expect(stdout).toContain("the registrar must name ada.ns.cloudflare.com and bob.ns.cloudflare.com");
    expect(made.world.zones.map(({ name }) => name)).toEqual(["example.org"]);
  });

  it("waits when Resend has had enough", async () => {
    const made = await lab({ requestsPerSecond: 2 });
    expect(await made.newDomain("example.org", "--host", "prod")).toMatchObject({ code: 0 });
  });

  it("has Resend verify on demand", async () => {
    const made = await lab();
    await made.newDomain("example.org", "--host", "prod", "--verify");
    expect(made.resend.domains[0]?.status).toBe("pending");
  });
});

describe("what Resend answers is written as the DNS has it", () => {
  const SUB = "mail.example.co.uk";
  const key = (made: Lab) => made.resend.domains[0]?.records[2]?.value;

  it("for a mail domain below the registered one, whose names Resend makes longer and whose texts it quotes", async () => {
    const made = await lab({}, [SUB]);
    expect((await made.newDomain(SUB, "--host", "prod", "--stack", "sub")).stderr).toBeUndefined();
    expect(configOf(made.file("sub"))["mail:resendRecords"]).toEqual([
      { record: "SPF", type: "MX", name: "send", value: "feedback-smtp.us-east-1.amazonses.com", priority: 10 },
      { record: "SPF", type: "TXT", name: "send", value: "v=spf1 include:amazonses.com ~all" },
      { record: "DKIM", type: "TXT", name: "resend._domainkey", value: key(made) },
    ]);
    const secrets = Object.fromEntries(
      [...(made.stacks.get("sub") ?? [])].map(([name, value]) => [name.replace("mail:", ""), value]),
    );
    expect(checkStackFile("sub", { directory: made.directory, secrets }).kind).toBe("settings");
    const resend = { records: configOf(made.file("sub"))["mail:resendRecords"] as readonly ResendRecord[] };
    const published = resendRecords({ domain: SUB, resend } as unknown as DomainSettings).map(({ name }) => name);
    expect(published).toEqual([`send.${SUB}`, `send.${SUB}`, `resend._domainkey.${SUB}`]);
  });

  const common = { ttl: "Auto", status: "pending" };
  const dkim = (name: string, value: string): ResendApiRecord => ({
    ...{ record: "DKIM", type: "CNAME", name, value },
    ...common,
  });

  it.each<[string, ResendApiRecord, object]>([
    ["a final dot", dkim("abc._domainkey.mail.", "abc.dkim.amazonses.com."), { name: "abc._domainkey" }],
    ["the whole name", dkim(`abc._domainkey.${SUB}.`, "abc.dkim.amazonses.com"), { name: "abc._domainkey" }],
    ["relative to the mail domain", dkim("abc._domainkey", "abc.dkim.amazonses.com"), { name: "abc._domainkey" }],
    ["upper case", dkim("ABC._DomainKey.Mail", "ABC.dkim.AmazonSES.com"), { value: "abc.dkim.amazonses.com" }],
    ["two strings", { ...dkim("k2._domainkey.mail", '"p=MIG" "fMA0"'), type: "TXT" }, { value: "p=MIGfMA0" }],
    [
      "an exchanger with its priority in front",
      { record: "SPF", type: "MX", name: "bounce.mail", value: "10 feedback-smtp.eu-west-1.amazonses.com.", ...common },
      { name: "bounce", value: "feedback-smtp.eu-west-1.amazonses.com", priority: 10 },
    ],
  ])("%s", async (_, record, expected) => {
    const made = await lab({ records: () => [record] }, [SUB]);
    expect((await made.newDomain(SUB, "--host", "prod", "--stack", "sub")).stderr).toBeUndefined();
    const records = configOf(made.file("sub"))["mail:resendRecords"] as readonly object[];
    expect(records.at(-1)).toMatchObject(expected);
  });

  it("leaves what somebody wrote by hand and means the same, in whatever order and with whatever purpose", async () => {
    const made = await lab({}, [SUB]);
    await made.newDomain(SUB, "--host", "prod", "--stack", "sub");
    const text = (made.file("sub") ?? "").replaceAll("record: SPF", "record: return path # mine");
    made.write("sub", text);
    const { stdout } = await made.newDomain(SUB, "--host", "prod", "--stack", "sub");
    expect(stdout).toContain("Pulumi.sub.yaml stays as it is.");
    expect(made.file("sub")).toBe(text);
  });

  it("mends what an earlier release wrote, and shows the difference", async () => {
    const made = await lab({}, [SUB]);
    await made.newDomain(SUB, "--host", "prod", "--stack", "sub");
    made.write("sub", (made.file("sub") ?? "").replaceAll("name: send", "name: send.mail"));
    const { stdout } = await made.newDomain(SUB, "--host", "prod", "--stack", "sub");
    expect(stdout).toContain("- mail:resendRecords: TXT send.mail v=spf1 include:amazonses.com ~all");
    expect(stdout).toContain("+ mail:resendRecords: TXT send v=spf1 include:amazonses.com ~all");
  });

  it("writes nothing that npm run settings would refuse", async () => {
    const made = await lab({ records: () => [dkim("_dmarc", "dmarc.example.net")] });
    const { code, stderr } = await made.newDomain("example.org", "--host", "prod");
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot be published: "_dmarc" is the name of a record.*The stack file is as it was/);
    expect(made.file("example-org")).toBeUndefined();
  });
});

describe("npm run new-domain -- example.org", () => {
  it("makes a stack with a host of its own, and says what only the operator knows", async () => {
    const made = await lab();
    const { stdout } = await made.newDomain("example.org", "--stack", "home");
    expect(configOf(made.file("home"))).toMatchObject({ "mail:accountId": ACCOUNT, "mail:domain": "example.org" });
    const secrets = made.stacks.get("home") ?? new Map<string, string>();
    expect([...secrets.keys()].sort()).toEqual([
      "mail:accountPassword",
      "mail:adminPassword",
      "mail:dkimEd25519PrivateKey",
      "mail:dkimRsaPrivateKey",
      "mail:resendApiKey",
    ]);
    expect(secrets.get("mail:resendApiKey")).toBe(made.resend.keys[0]?.token);
    expect(secrets.get("mail:resendApiKey")).not.toBe(RESEND_KEY);
    expect(stdout).toContain("pulumi config set --secret mail:hostSshPrivateKey --stack home < ~/.ssh/id_ed25519");

    const bare = Object.fromEntries([...secrets].map(([key, value]) => [key.replace("mail:", ""), value]));
    const result = checkStackFile("home", { directory: made.directory, secrets: bare });
    const missing = result.kind === "problems" ? result.problems.map(({ key }) => key) : [];
    expect(missing).toEqual(["mail:hostAddress", "mail:hostUser", "mail:hostKey", "mail:hostSshPrivateKey"]);
  });
});

describe("the host's key", () => {
  const KEY = STAND_INS.hostKey;

  it.each([
    ["of the file", `${KEY} root@mail`],
    ["of ssh-keyscan", `# 192.0.2.1:22 SSH-2.0-OpenSSH_9.2\n192.0.2.1 ssh-rsa AAAAB3NzaC1yc2E=\n192.0.2.1 ${KEY}`],
    ["of known_hosts", `[mail.example.org]:2222 ${KEY}`],
  ])("%s is written as type and key", async (_, answer) => {
    const made = await lab();
    await made.asked((question) => (question.includes("host key") ? answer : ""), "example.org", "--stack", "home");
    expect(configOf(made.file("home"))["mail:hostKey"]).toBe(KEY);
  });
});

test("a website's authority is told, and no CAA record is wanted that could refuse its next certificate", async () => {
  const made = await lab();
  const organisation = "Sectigo Limited";
  const website = { hostname: "www.example.org", organisation, identifier: "sectigo.com" };
  const { stdout } = await made.beside([website], "example.org", "--host", "prod");
  expect(stdout).toContain("website found         www.example.org: Sectigo Limited (sectigo.com)");
  const { values } = checkStackFile("example-org", { directory: made.directory }) as {
    values?: Record<string, unknown>;
  };
  expect(values?.["caaIssuers"]).toEqual([]);
});

describe("two zones of one name", () => {
  it("takes that of the host's account, whatever another account has", async () => {
    const made = await lab({}, ["example.org", "example.org"]);
    Object.assign(made.world.zones[0] ?? {}, { accountId: "e".repeat(32) });
    const { stdout, stderr } = await made.newDomain("example.org", "--host", "prod");
    expect(stderr).toBeUndefined();
    expect(stdout).toContain(`active, account ${ACCOUNT}`);
  });

  it("takes the usable one of an account", async () => {
    const made = await lab({}, ["example.org", "example.org"]);
    Object.assign(made.world.zones[0] ?? {}, { status: "moved" });
    expect((await made.newDomain("example.org", "--host", "prod")).stderr).toBeUndefined();
  });
});

describe("what is refused changes nothing", () => {
  it.each([
    ["another domain's file", "config:\n  mail:domain: other.example\n", "is the stack of other.example"],
    [
      "a stack with a host of its own",
      "config:\n  mail:domain: example.org\n  mail:hostAddress: 192.0.2.1\n",
      "Leave out --host",
    ],
    ["another host", "config:\n  mail:domain: example.org\n  mail:hostStack: other\n", "Say --host other"],
    ["no YAML", "config: [\n", "no valid YAML"],
  ])("%s", async (_, text, words) => {
    const made = await lab();
    made.write("example-org", text);
    await refusedUntouched(made, words, "example.org", "--host", "prod");
  });

  it("a zone of another account", async () => {
    const made = await lab();
    made.write("prod", HOST.replace(ACCOUNT, "f".repeat(32)));
    await refusedUntouched(made, "Move the zone", "example.org", "--host", "prod");
  });

  it.each<[Partial<Zone>, string]>([
    [{ type: "partial" }, "is of type partial"],
    [{ type: "secondary" }, "is of type secondary"],
    [{ paused: true }, "is paused"],
    [{ status: "moved" }, "has the status moved"],
    [{ status: "initializing" }, "has the status initializing"],
  ])("a zone that cannot carry mail: %j", async (state, words) => {
    const made = await lab();
    Object.assign(made.world.zones[0] ?? {}, state);
    await refusedUntouched(made, words, "example.org", "--host", "prod");
    await refusedUntouched(made, words, "example.org");
  });

  it("a host's key that is none, before anything is made", async () => {
    const made = await lab({}, []);
    const before = everything(made);
    const answers: Record<string, string> = { key: "SHA256:abc" };
    const { code, stderr } = await made.asked(
      (question) => (question.includes("host key") ? answers["key"] : ""),
      "example.org",
    );
    expect(stderr).toContain("The host's key is not an Ed25519 public key");
    expect(code).toBe(1);
    expect(everything(made)).toBe(before);
  });

  it("a host that is none", async () => {
    const made = await lab();
    await refusedUntouched(made, "There is no Pulumi.none.yaml", "example.org", "--host", "none");
    made.write("further", "config:\n  mail:domain: a.example\n  mail:hostStack: prod\n");
    await refusedUntouched(made, "Say: --host prod", "example.org", "--host", "further");
  });

  it("an address elsewhere", async () => {
    await refusedUntouched(
      await lab(),
      "is not an address of example.org",
      "example.org",
      "--host",
      "prod",
      "--address",
      "me@host.example",
    );
  });

  it("a domain that another team has at Resend", async () => {
    await refusedUntouched(
      await lab({ taken: ["example.org"] }),
      "registered already",
      "example.org",
      "--host",
      "prod",
    );
  });

  it("a key that may only send", async () => {
    await refusedUntouched(
      await lab({ fullAccessKey: "re_other", sendingKey: RESEND_KEY }),
      "may only send",
      "example.org",
      "--host",
      "prod",
    );
  });

  it("a key or token that is missing", async () => {
    expect((await run(["example.org"], {})).stderr).toContain("CLOUDFLARE_API_TOKEN is not set");
    expect((await run(["example.org"], { CLOUDFLARE_API_TOKEN: "x" })).stderr).toContain("RESEND_API_KEY is not set");
  });

  it.each([
    [[]],
    [["Example"]],
    [["example.org", "b"]],
    [["example.org", "--host", "a/b"]],
    [["example.org", "--region", "moon"]],
    [["example.org", "--host", "x", "--stack", "x"]],
    [["example.org", "--token", "x"]],
  ])("wrong usage: %j", async (args) =>
    expect(await run(args, {})).toMatchObject({ code: 2, stderr: expect.stringContaining("Usage:") as string }),
  );

  async function refusedUntouched(made: Lab, words: string, ...args: readonly string[]): Promise<void> {
    const before = everything(made);
    const { code, stderr } = await made.newDomain(...args);
    expect(stderr).toContain(words);
    expect(code).toBe(1);
    expect(everything(made)).toBe(before);
  }
});
