import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { DOCUMENTED_DIRECTORY, STACK_DIRECTORY_VARIABLE } from "../../../infra/settings/stack-file";

const ROOT = resolve(__dirname, "../../..");

const pem = { type: "pkcs8", format: "pem" } as const;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ed25519 = generateKeyPairSync("ed25519");

/** What `pulumi config --show-secrets --json` says. */
const CONFIG = {
  "mail:domain": { value: "augustin.ai", secret: false },
  "mail:dkimRsaPrivateKey": { value: rsa.privateKey.export(pem), secret: true },
  "mail:dkimEd25519PrivateKey": { value: ed25519.privateKey.export(pem), secret: true },
};

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "zone-command-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the command; `pulumi` is a shell script's text, or absent. */
function zone(args: string[], { pulumi, passphrase }: { pulumi?: string; passphrase?: string } = {}) {
  const bin = mkdtempSync(join(folder, "bin-"));
  if (pulumi !== undefined) {
    writeFileSync(join(bin, "pulumi"), `#!/bin/sh\n${pulumi}\n`);
    chmodSync(join(bin, "pulumi"), 0o755);
  }
  return spawnSync(process.execPath, ["--import", "tsx", join(ROOT, "ops/zone.ts"), ...args], {
    cwd: ROOT,
    encoding: "utf8",
    env: {
      PATH: `${bin}:/usr/bin:/bin`,
      [STACK_DIRECTORY_VARIABLE]: DOCUMENTED_DIRECTORY,
      ...(passphrase === undefined ? {} : { PULUMI_CONFIG_PASSPHRASE: passphrase }),
    },
  });
}

describe("npm run zone", () => {
  it("prints the keys of the stack file when pulumi can decrypt them", () => {
    const json = join(folder, "config.json");
    writeFileSync(json, JSON.stringify(CONFIG));
    const { stdout, stderr, status } = zone(["prod", "--tunnel", "6ff42ae2"], {
      pulumi: `cat '${json}'`,
      passphrase: "x",
    });
    const spki = ed25519.publicKey.export({ type: "spki", format: "der" });
    expect(stdout).toContain(
      `\n202602e._domainkey.augustin.ai. 300 IN TXT "v=DKIM1; k=ed25519; p=${spki.subarray(-32).toString("base64")}"\n`,
    );
    expect(stdout).toContain("6ff42ae2.cfargotunnel.com.");
    expect(stderr).not.toContain("DKIM records are printed as comments");
    expect(status).toBe(0);
  });

  it.each([
    ["no passphrase", {}, "No passphrase", 0],
    ["no pulumi", { passphrase: "x" }, "pulumi does not start", 1],
    [
      "a wrong passphrase",
      { passphrase: "x", pulumi: "echo 'error: incorrect passphrase' >&2; exit 255" },
      "incorrect passphrase",
      1,
    ],
    [
      "no such stack",
      { passphrase: "x", pulumi: "echo \"error: no stack named 'prod' found\" >&2; exit 6" },
      "To list the stacks: pulumi stack ls",
      1,
    ],
  ])("with %s it prints the DKIM records as comments, says why", (_, environment, reason, code) => {
    const { stdout, stderr, status } = zone(["prod"], environment);
    expect(stdout).not.toMatch(/^20260/m);
    expect(stdout).toMatch(/^; 202602r\._domainkey\.augustin\.ai\. 300 IN TXT \(value withheld/m);
    expect(stdout).toMatch(/^augustin\.ai\. 1 IN MX 50 route1/m);
    expect(stderr).toContain(reason);
    expect(stderr).toContain("PULUMI_CONFIG_PASSPHRASE_FILE");
    expect(status).toBe(code);
  });

  it.each([
    [["--help"], 0],
    [["no-such-stack"], 1],
    [[], 2],
    [["prod", "other"], 2],
    [["prod", "--tunnel", "a.b"], 2],
    [["prod", "--no-such-option"], 2],
  ])("%j ends with %d", (args, code) => {
    const { status, stderr } = zone(args);
    expect(status).toBe(code);
    expect(stderr === "").toBe(code === 0);
  });
});
