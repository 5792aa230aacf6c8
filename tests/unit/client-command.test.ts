import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryFolder } from "../../sandbox/temporary";
import { client } from "../client";
import { expectGolden } from "../golden";

const folder = temporaryFolder();
afterAll(() => folder.remove());
const out = (name: string) => join(folder.path, name);

describe("npm run client", () => {
  it.each(["linux", "macos", "windows"])("laptop: the units and the steps for %s", (system) => {
    const { code, stdout, stderr } = client("laptop", "--stack", "prod", "--os", system, "--out", out(system));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const files = readdirSync(out(system)).sort();
    const contents = files.map((name) => {
      const bytes = readFileSync(join(out(system), name));
      const text = system === "windows" ? bytes.toString("utf16le").replace(/^\ufeff/, "") : bytes.toString();
      return `== ${name}\n${text.replaceAll("\r\n", "\n")}`;
    });
    expectGolden(`client-laptop-${system}.txt`, [stdout.replaceAll(out(system), "client"), ...contents].join("\n"));
    // Commands hold names as long as the domain makes them.
    const lines = stdout.replaceAll(out(system), "client").split("\n");
    for (const line of lines.filter((each) => !each.startsWith("     "))) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("sheet: the same on a terminal and in the file", () => {
    const { code, stdout } = client("sheet", "--stack", "prod", "--out", out("sheet"));
    expect(code).toBe(0);
    const text = readFileSync(join(out("sheet"), "root@augustin.ai.txt"), "utf8");
    expect(stdout.startsWith(text)).toBe(true);
    expectGolden("client-sheet.txt", text);
    const html = readFileSync(join(out("sheet"), "root@augustin.ai.html"), "utf8");
    // Nothing is fetched, nothing runs.
    expect(html).not.toMatch(/<script|<link|<img|@import|url\(/);
    for (const line of text.split("\n").filter((each) => !each.includes("https:")))
      expect(line.length).toBeLessThanOrEqual(80);
  });

  it("is repeatable: what is the same stays untouched, what is not is written anew", () => {
    client("iphone", "--stack", "prod", "--out", out("again"));
    const path = join(out("again"), "root@augustin.ai.mobileconfig");
    const { mtimeMs, ino } = statSync(path);
    expect(client("iphone", "--stack", "prod", "--out", out("again")).stdout).toContain("as it was");
    expect(statSync(path)).toMatchObject({ mtimeMs, ino });
    writeFileSync(path, "half");
    expect(client("iphone", "--stack", "prod", "--out", out("again")).stdout).toContain("written");
    expect(readFileSync(path, "utf8")).toContain("com.apple.mail.managed");
    expect(readdirSync(out("again"))).toHaveLength(1);
  });

  it("prints the same as data", () => {
    const { stdout } = client("laptop", "--stack", "prod", "--os", "linux", "--json", "--out", out("json"));
    expect(JSON.parse(stdout)).toMatchObject({
      stack: "prod",
      address: "root@augustin.ai",
      certificateName: "imap.augustin.ai",
      hostsLine: "127.0.0.1 imap.augustin.ai",
      services: [
        { service: "imaps", hostname: "imap-tcp.augustin.ai", port: 1993, security: "TLS" },
        { service: "submissions", hostname: "submission-tcp.augustin.ai", port: 1465, security: "TLS" },
      ],
    });
    const phone = client("iphone", "--stack", "prod", "--json", "--address", "Me@augustin.ai", "--out", out("json"));
    expect(JSON.parse(phone.stdout)).toMatchObject({
      url: "https://autoconfig.augustin.ai/mail.mobileconfig?emailaddress=me%40augustin.ai",
      signed: false,
    });
  });

  it.each<[args: readonly string[], says: string]>([
    [[], "One of laptop, iphone, sheet is needed"],
    [["phone", "--stack", "prod"], "given: phone"],
    [["laptop"], "--stack is missing"],
    [["laptop", "--stack", "prod", "--os", "beos"], "Allowed: linux, macos, windows"],
    [["iphone", "--stack", "prod", "--sign-key", "x"], "belong together"],
    [["iphone", "--stack", "prod", "--sign-chain", "x"], "of no use"],
    [["sheet", "--stack", "prod", "--colour"], "--colour"],
  ])("refuses wrong arguments %j", (args, says) => {
    const { code, stdout, stderr } = client(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
  });

  it.each<[args: readonly string[], says: string]>([
    [["sheet", "--stack", "nowhere"], "nowhere"],
    [["sheet", "--stack", "prod", "--address", "root@example.org"], "is no address of augustin.ai"],
    [["iphone", "--stack", "prod", "--sign-key", "/nowhere", "--sign-cert", "/nowhere"], "The profile is not signed"],
    [["sheet", "--stack", "prod", "--out", join(__filename, "below")], "not a directory"],
  ])("says what stops it: %j", (args, says) => {
    const { code, stdout, stderr } = client(...args, ...(args.includes("--out") ? [] : ["--out", out("not")]));
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(says);
    expect(stderr).not.toContain("    at ");
  });

  it("explains itself within 80 columns", () => {
    const { code, stdout } = client("--help");
    expect(code).toBe(0);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });
});
