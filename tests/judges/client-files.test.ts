import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryFolder } from "../../sandbox/temporary";
import { profileFaults, readPlist } from "../apple";
import { client } from "../client";
import { fromDocs, words } from "../docs";
import { describeWith } from "../needs";

const folder = temporaryFolder();
afterAll(() => folder.remove());

function run(program: string, args: readonly string[], input?: Buffer | string) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder.path,
    input,
    encoding: "buffer",
    // systemd-analyze asks for the folder of a session.
    env: { ...process.env, XDG_RUNTIME_DIR: folder.path },
  });
  return { status, stdout, stderr: stderr.toString() };
}

function laptop(system: string): readonly string[] {
  const out = join(folder.path, system);
  expect(client("laptop", "--stack", "prod", "--os", system, "--out", out).code).toBe(0);
  return readdirSync(out).map((name) => join(out, name));
}

describeWith("systemd-analyze", "It is part of Debian's systemd: apt install systemd")("systemd", () => {
  it("finds nothing wrong with the units", () => {
    const units = laptop("linux");
    expect(units).toHaveLength(2);
    expect(run("systemd-analyze", ["--user", "verify", "--man=no", ...units])).toMatchObject({ status: 0, stderr: "" });
  });

  it("would find a mistake", () => {
    const [unit = ""] = laptop("linux");
    const wrong = join(folder.path, "wrong.service");
    writeFileSync(wrong, readFileSync(unit, "utf8").replace("RestartSec=10", "RestartSeconds=10"));
    expect(run("systemd-analyze", ["--user", "verify", "--man=no", wrong]).stderr).toContain("RestartSeconds");
  });
});

describeWith("python3", "It is part of Debian: apt install python3")("launchd's agents", () => {
  it("are property lists with the same command as everywhere", () => {
    const agents = laptop("macos").map((path) => readPlist(readFileSync(path)));
    expect(agents).toHaveLength(2);
    expect(agents[0]).toEqual({
      Label: "ai.augustin.mail.imaps",
      ProgramArguments: [
        ...["/usr/bin/env", "cloudflared", "access", "tcp"],
        ...["--hostname", "imap-tcp.augustin.ai", "--url", "127.0.0.1:1993"],
      ],
      EnvironmentVariables: { PATH: "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin" },
      LimitLoadToSessionType: "Aqua",
      RunAtLoad: true,
      KeepAlive: true,
      ThrottleInterval: 10,
      ProcessType: "Background",
    });
  });
});

describeWith("xmllint", "On Debian: apt install libxml2-utils")("XML", () => {
  it("of Windows' tasks is well-formed, in the encoding that it names", () => {
    const tasks = laptop("windows");
    expect(tasks).toHaveLength(2);
    for (const task of tasks) {
      expect(run("xmllint", ["--noout", task])).toMatchObject({ status: 0, stderr: "" });
      expect(readFileSync(task).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xfe]));
    }
    const at = (path: string) =>
      run("xmllint", ["--xpath", path, tasks[0] ?? ""])
        .stdout.toString()
        .trim();
    expect(at("string(//*[local-name()='Command'])")).toBe("cloudflared");
    expect(at("string(//*[local-name()='ExecutionTimeLimit'])")).toBe("PT0S");
  });

  it("of launchd's agents and of the profile is well-formed", () => {
    const out = join(folder.path, "iphone");
    expect(client("iphone", "--stack", "prod", "--out", out).code).toBe(0);
    const profile = join(out, "root@augustin.ai.mobileconfig");
    for (const path of [...laptop("macos"), profile])
      expect(run("xmllint", ["--noout", "--nonet", path])).toMatchObject({ status: 0, stderr: "" });
  });
});

describeWith("zbarimg", "On Debian: apt install zbar-tools")("the QR code on the terminal", () => {
  const URL_SHOWN = "https://autoconfig.augustin.ai/mail.mobileconfig?emailaddress=root%40augustin.ai";

  it.each<[background: string, args: readonly string[], lit: number]>([
    ["dark", [], 255],
    ["light", ["--light"], 0],
  ])("says the address that is shown below it, on a %s background", (_, args, lit) => {
    const { stdout } = client("iphone", "--stack", "prod", "--out", join(folder.path, "qr"), ...args);
    expect(stdout).toContain(`\n${URL_SHOWN}\n`);
    writeFileSync(join(folder.path, "qr.pgm"), screen(stdout, lit));
    expect(run("zbarimg", ["--quiet", "--raw", "qr.pgm"]).stdout.toString().trim()).toBe(URL_SHOWN);
  });
});

/** Pixels of one module's side. */
const PIXELS = 4;
const BLOCKS: Readonly<Record<string, readonly [top: boolean, bottom: boolean]>> = {
  "█": [true, true],
  "▀": [true, false],
  "▄": [false, true],
  " ": [false, false],
};

/** The lines of blocks as a terminal shows them, as a picture (PGM). Everything else on the screen is background. */
function screen(text: string, lit: number): Buffer {
  const lines = text.split("\n").filter((line) => /^[█▀▄ ]+$/.test(line) && line.length > 20);
  const width = Math.max(...lines.map((line) => line.length));
  const margin = 4;
  const blank = Array.from({ length: width + 2 * margin }, () => false);
  const rows = lines.flatMap((line) =>
    [0, 1].map((half) => {
      const cells = Array.from(line.padEnd(width)).map((character) => BLOCKS[character]?.[half] ?? false);
      return [...blank.slice(0, margin), ...cells, ...blank.slice(0, margin)];
    }),
  );
  const all = [blank, blank, blank, blank, ...rows, blank, blank, blank, blank];
  const pixels = all.flatMap((row) => {
    const line = row.flatMap((isLit) => Array<number>(PIXELS).fill(isLit ? lit : 255 - lit));
    return Array.from({ length: PIXELS }, () => line).flat();
  });
  const head = `P5\n${(width + 2 * margin) * PIXELS} ${all.length * PIXELS}\n255\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(pixels)]);
}

describeWith("openssl", "On Debian: apt install openssl")("a signed profile", () => {
  it("is CMS with the profile inside, and the chain beside it", () => {
    const subject = (name: string) => [
      "-subj",
      `/CN=${name}`,
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      `${name}.key`,
    ];
    run("openssl", ["req", "-x509", ...subject("root"), "-out", "root.pem", "-days", "2"]);
    run("openssl", ["req", ...subject("signer"), "-out", "signer.csr"]);
    const issued = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "2"];
    run("openssl", ["x509", "-req", "-in", "signer.csr", ...issued, "-out", "signer.pem"]);
    const at = (name: string) => join(folder.path, name);
    const told = fromDocs(
      "docs/clients.md",
      "npm run client -- iphone --stack prod --sign-key key.pem --sign-cert cert.pem --sign-chain chain.pem",
    );
    const files = new Map([
      ["key.pem", at("signer.key")],
      ["cert.pem", at("signer.pem")],
      ["chain.pem", at("root.pem")],
    ]);
    const args = words(told).slice(4);
    const { code, stdout } = client(...args.map((word) => files.get(word) ?? word), "--out", at("signed"));
    expect(code).toBe(0);
    expect(stdout).toContain("The file is signed.");
    const path = join(at("signed"), "root@augustin.ai.mobileconfig");
    const verified = run("openssl", [
      "cms",
      "-verify",
      "-inform",
      "der",
      "-in",
      path,
      "-CAfile",
      "root.pem",
      "-purpose",
      "any",
    ]);
    expect(verified.status).toBe(0);
    expect(profileFaults(readPlist(verified.stdout))).toEqual([]);
    writeFileSync(path, Buffer.from(readFileSync(path)).fill("x", 400, 404));
    const changed = run("openssl", [
      "cms",
      "-verify",
      "-inform",
      "der",
      "-in",
      path,
      "-CAfile",
      "root.pem",
      "-purpose",
      "any",
    ]);
    expect(changed.status).not.toBe(0);
  });

  it("is not written with a key that does not belong to the certificate", () => {
    const at = (name: string) => join(folder.path, name);
    const keys = ["--sign-key", at("root.key"), "--sign-cert", at("signer.pem")];
    const { code, stderr } = client("iphone", "--stack", "prod", "--out", at("unsigned"), ...keys);
    expect(code).toBe(1);
    expect(stderr).toContain("openssl refuses to sign");
  });
});
