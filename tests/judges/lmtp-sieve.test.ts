import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { withoutForgedResults } from "../../worker/src/lmtp/authentication-results";
import { describeWith } from "../needs";

/** Pigeonhole reads header fields as Stalwart does: unfolded, with encoded words decoded. */

const EDGE =
  "X-Original-To: root@example.org\r\n" +
  "Received: from mx.remote.example (203.0.113.7)\r\n by cloudflare-email.net (cloudflare) id x\r\n";
const PASSED = "Authentication-Results: mx.cloudflare.net; dkim=pass; dmarc=pass\r\nX-CF-SpamH-Score: 0\r\n";
const FAILED = PASSED.replace("dmarc=pass", "dmarc=fail");
const NONE = "X-CF-SpamH-Score: 0\r\n";
const REST = "From: <someone@example.com>\r\nSubject: x\r\n\r\nHello\r\n";

/** Of docs/lmtp.md, as people copy it. */
const DOCUMENTED = /^ {4}require [^]*?\n(?=\n)/m.exec(readFileSync(join(__dirname, "../../docs/lmtp.md"), "utf8"))?.[0];
/** Takes the name anywhere in the field. */
const LOOSE =
  'require "fileinto"; if header :contains "authentication-results" "mx.cloudflare.net" { fileinto "Forged"; }';

describeWith("sieve-test", "Debian: apt install dovecot-sieve")("Pigeonhole's sieve-test", () => {
  const folder = mkdtempSync(join(tmpdir(), "mail-stack-sieve-"));
  const config = join(folder, "dovecot.conf");

  beforeAll(() => {
    // Root's process becomes nobody before it reads a mail.
    chmodSync(folder, 0o777);
    const nobody = process.getuid?.() === 0 ? "mail_uid = 65534\nmail_gid = 65534\n" : "";
    writeFileSync(
      config,
      `${nobody}first_valid_uid = 1\nssl = no\nmail_home = ${folder}\nmail_location = maildir:${folder}/m\n`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function isFiled(script: string, message: string): boolean {
    const [scriptFile, mailFile] = [join(folder, "script.sieve"), join(folder, "mail.eml")];
    writeFileSync(scriptFile, script);
    writeFileSync(mailFile, message, "latin1");
    const { status, stdout, stderr } = spawnSync("sieve-test", ["-c", config, "-C", scriptFile, mailFile], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`sieve-test: ${stderr}`);
    return stdout.includes("store message in folder: Forged");
  }

  const carried = (message: string) =>
    Buffer.from(withoutForgedResults(Buffer.from(message, "latin1"))).toString("latin1");

  test("the documented script files what the edge found forged, and nothing else", () => {
    const script = DOCUMENTED ?? "";
    expect(isFiled(script, carried(EDGE + FAILED + REST))).toBe(true);
    expect(isFiled(script, carried(EDGE + PASSED + REST))).toBe(false);
  });

  const comment = `(${"x".repeat(70_000)})`;

  test.each([
    "Authentication-Results: mx.cloudflare.net; dmarc=fail",
    "Authentication-Results : mx.cloudflare.net; dmarc=fail",
    "AUTHENTICATION-results: MX.cloudflare.net;\r\n\tdmarc=fail",
    "Authentication-Results: =?utf-8?q?mx.cloudflare.net?=; dmarc=fail",
    "Authentication-Results: =?utf-8?b?bXguY2xvdWRmbGFyZS5uZXQ=?=; dmarc=fail",
    "Authentication-Results:=?utf-8?q?mx=2Ecloud?=\r\n =?iso-8859-1?q?flare.net;?= dmarc=fail",
    "Authentication-Results: =?us-ascii?q?mx.cloudflare.net;_dmarc=3Dfail?=",
    "Authentication-Results: =?utf-8*en?q?mx.cloudflare.net;_dmarc=3Dfail?=",
  ])("a forged verdict that it believes is not believed any more: %#", (field) => {
    for (const front of [EDGE + PASSED, EDGE + NONE]) {
      const message = `${front}${field}\r\n${REST}`;
      expect(isFiled(DOCUMENTED ?? "", message)).toBe(true);
      expect(isFiled(DOCUMENTED ?? "", carried(message))).toBe(false);
    }
    expect(isFiled(LOOSE, carried(`${EDGE}${NONE}${field}\r\n${REST}`))).toBe(false);
  });

  test.each([
    `Authentication-Results: ${comment} mx.cloudflare.net; dmarc=fail`,
    'Authentication-Results: "mx.cloudflare.net"; dmarc=fail',
    "Authentication-Results: mx.google.com; (=?utf-8?q?mx.cloudflare.net?=)",
    "Authentication-Results: mx.google.com;\u0000mx.cloudflare.net; dmarc=fail",
  ])("a forged verdict behind something else is not believed any more: %#", (field) => {
    const message = `${EDGE}${NONE}${field}\r\n${REST}`;
    expect(isFiled(LOOSE, message)).toBe(true);
    expect(isFiled(LOOSE, carried(message))).toBe(false);
  });
});
