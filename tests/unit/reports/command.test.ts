import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectGolden } from "../../golden";
import type { Output } from "../../../ops/output";
import { run } from "../../../ops/reports";
import { createJmapServer, type JmapServer } from "../../../sandbox/host/jmap-server";
import { createMailStore } from "../../../sandbox/host/mail-store";
import { gzipped, multipartMail, sample, soleMail, zipped } from "./mails";

const PASSWORD = "password that must never show";
const NOW = new Date("2026-11-01T00:00:00Z");
const ROOT = "root@augustin.ai";

let folder: string;
let server: JmapServer;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "reports-command-"));
  const store = createMailStore(undefined);
  server = await createJmapServer({
    domain: "augustin.ai",
    // Not where it is asked: the command must stay with the address that the operator gave.
    publicUrl: "https://stalwart.augustin.ai",
    accounts: [{ address: ROOT, aliases: ["postmaster@augustin.ai"], password: PASSWORD }],
    store,
  });
  const google = gzipped(sample("google.xml"));
  const mails: readonly (readonly [string, Buffer])[] = [
    [
      "2026-10-21T05:00:00Z",
      soleMail({ type: "application/zip", filename: "g.zip", content: zipped(["g.xml", sample("google.xml")]) }),
    ],
    // The same report again, in another coat.
    ["2026-10-21T06:00:00Z", multipartMail({ type: "application/gzip", filename: "g.xml.gz", content: google })],
    [
      "2026-10-22T05:00:00Z",
      multipartMail({ type: "text/xml", filename: "n.xml", content: Buffer.from(sample("rfc9990.xml")) }),
    ],
    [
      "2026-10-22T05:00:00Z",
      multipartMail({ type: "text/xml", filename: "e.xml", content: Buffer.from(sample("elsewhere.xml")) }),
    ],
    [
      "2026-10-20T09:00:00Z",
      multipartMail({ type: "application/tlsrpt+gzip", filename: "t.json.gz", content: gzipped(sample("tls.json")) }),
    ],
    // Somebody's own mail to the same account.
    [
      "2026-10-23T09:00:00Z",
      soleMail({
        to: ROOT,
        subject: "photos",
        type: "application/zip",
        filename: "photos.zip",
        content: Buffer.from("private"),
      }),
    ],
    [
      "2026-10-23T10:00:00Z",
      multipartMail({
        subject: "Report domain: \u001b[31mred",
        type: "application/gzip",
        filename: "b.gz",
        content: google.subarray(0, 90),
      }),
    ],
    // Before the period.
    [
      "2026-01-01T00:00:00Z",
      multipartMail({
        type: "text/xml",
        filename: "old.xml",
        content: Buffer.from(
          sample("google.xml")
            .replace("<count>38<", "<count>5000<")
            .replace("14573458019284756120", "old")
            .replace("1792454400", "1767139200")
            .replace("1792540799", "1767225599"),
        ),
      }),
    ],
  ];
  for (const [receivedAt, raw] of mails) {
    const added = store.add(
      { id: "c", address: ROOT, names: [ROOT], quotaBytes: Infinity },
      { mailboxId: "a", keywords: {}, receivedAt, raw },
    );
    expect(added).toHaveProperty("id");
  }
  environment = { MAIL_PASSWORD: PASSWORD, MAIL_JMAP_URL: `http://127.0.0.1:${server.port}` };
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

async function reports(args: readonly string[] = [], changes: NodeJS.ProcessEnv = {}): Promise<Output> {
  const output = await run(["prod", ...args], { ...environment, ...changes }, NOW);
  expect(JSON.stringify(output)).not.toContain(PASSWORD);
  return output;
}

describe("npm run reports -- prod", () => {
  it("shows who sends as you, what passes and what to do, within a terminal's width", async () => {
    const { code, stdout = "", stderr } = await reports();
    expect({ code, stderr }).toEqual({ code: 0 });
    expectGolden("reports.txt", stdout);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("gives programs everything", async () => {
    const summary = JSON.parse((await reports(["--json"])).stdout ?? "") as Record<string, unknown>;
    expect(summary).toMatchObject({
      stack: "prod",
      domain: "augustin.ai",
      dmarcReports: 2,
      tlsReports: 1,
      elsewhere: 1,
      repeated: 1,
      unverified: 3,
      messages: 57,
      passed: 40,
      sources: [
        { kind: "own", name: "key resend", messages: 38, passed: 38, addresses: ["54.240.9.31"], stopped: 0 },
        { kind: "forwarded", name: "forwarder.example", messages: 2, passed: 2, spfPassed: 0 },
        { kind: "foreign", name: "newsletters.example", messages: 12, passed: 0, stopped: 12 },
        { kind: "forged", name: "198.51.100.0/24", messages: 5, passed: 0, stopped: 5 },
      ],
      tls: {
        successes: 5326,
        failures: 303,
        problems: [{ type: "sts-policy-fetch-error" }, { type: "certificate-expired" }],
      },
      unread: [{ reason: "the gzip file is damaged" }],
    });
  });

  it("goes back as far as asked", async () => {
    expect((await reports(["--since", "2026-10-22"])).stdout).toContain("1 DMARC and 0 TLS");
    expect((await reports(["--since", "365d"])).stdout).toContain("3 DMARC and 1 TLS");
    expect((await reports(["--since", "2026-10-31"])).stdout).toContain("No DMARC report about augustin.ai");
  });

  it("writes a page that needs nothing else and runs nothing", async () => {
    const file = join(folder, "reports.html");
    expect(await reports(["--html", file])).toEqual({ code: 0, stdout: `written  ${file}\n` });
    const page = readFileSync(file, "utf8");
    expect(page).toContain("newsletters.example");
    expect(page).toContain("Sample &amp; Sons Mail");
    expect(page).not.toMatch(/<script|src=|url\(|<link/);
    expect(await reports(["--html", join(folder, "none", "x.html")])).toMatchObject({ code: 1 });
  });

  it("takes the password from a file", async () => {
    const file = join(folder, "password");
    writeFileSync(file, `${PASSWORD}\n`);
    expect(await reports([], { MAIL_PASSWORD: "", MAIL_PASSWORD_FILE: file })).toMatchObject({ code: 0 });
    expect(await reports([], { MAIL_PASSWORD: "", MAIL_PASSWORD_FILE: join(folder, "none") })).toMatchObject({
      code: 1,
    });
  });

  it.each([
    ["no password", { MAIL_PASSWORD: "" }, "read -rs MAIL_PASSWORD"],
    ["a wrong password", { MAIL_PASSWORD: "wrong" }, `does not take the password of ${ROOT}`],
    ["another account", { MAIL_USER: "me@augustin.ai" }, "does not take the password of me@augustin.ai"],
    ["a password in the clear", { MAIL_JMAP_URL: "http://192.0.2.1" }, "no https URL"],
    ["nobody there", { MAIL_JMAP_URL: "http://127.0.0.1:1" }, "does not answer"],
  ])("says what is wrong: %s", async (_, changes, words) => {
    const { code, stderr } = await reports([], changes);
    expect(code).toBe(1);
    expect(stderr).toContain(words);
  });

  it.each([
    [[]],
    [["prod", "other"]],
    [["prod", "--since", "soon"]],
    [["prod", "--since", "2026-02-30"]],
    [["prod", "--json", "--html", "x"]],
    [["prod", "--password", "x"]],
  ])("shows how it is used: %j", async (args) =>
    expect(await run(args, environment, NOW)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Usage:") as string,
    }),
  );

  it("finds reports below hundreds of other mails, each once", async () => {
    const store = createMailStore(undefined);
    const account = { id: "c", address: ROOT, names: [ROOT], quotaBytes: Infinity };
    const mail = (minute: number, raw: Buffer) =>
      store.add(account, {
        ...{ mailboxId: "a", keywords: {}, raw },
        receivedAt: new Date(Date.parse("2026-10-22T00:00:00Z") + minute * 60_000).toISOString(),
      });
    for (let id = 0; id < 3; id += 1)
      mail(
        id * 200,
        multipartMail({ type: "text/xml", content: Buffer.from(sample("google.xml").replace("1457345", `${id}`)) }),
      );
    for (let minute = 0; minute < 450; minute += 1)
      mail(minute, Buffer.from(`To: ${ROOT}\r\nSubject: ${minute}\r\n\r\nhello\r\n`));
    const crowded = await createJmapServer({
      domain: "augustin.ai",
      publicUrl: "https://stalwart.augustin.ai",
      accounts: [{ address: ROOT, aliases: [], password: PASSWORD }],
      store,
    });
    const { stdout = "" } = await reports(["--json"], { MAIL_JMAP_URL: `http://127.0.0.1:${crowded.port}` });
    await crowded.close();
    expect(JSON.parse(stdout)).toMatchObject({ dmarcReports: 3, repeated: 0, otherMails: 0, unreadable: 0 });
  });

  it("gives the password to no other server", async () => {
    const asked: string[] = [];
    const thief = createServer((request, response) => {
      asked.push(request.headers.authorization ?? "");
      response.end();
    });
    const guide = createServer((_, response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${(thief.address() as AddressInfo).port}/` }).end();
    });
    for (const each of [thief, guide]) await new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve));
    const { code, stderr } = await reports([], {
      MAIL_JMAP_URL: `http://127.0.0.1:${(guide.address() as AddressInfo).port}`,
    });
    // First, because a failure must not leave them open.
    for (const each of [thief, guide]) {
      each.closeAllConnections();
      each.close();
    }
    expect({ code, asked }).toEqual({ code: 1, asked: [] });
    expect(stderr).toContain("it sends you to");
  });
});
