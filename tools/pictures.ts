/**
 * `npm run pictures`: the pictures of docs/, from what `npm run client` writes for the documented deployment and from what a phone finds
 * in the sandbox. Needs chromium.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { settingsOf, useDocumentedStack } from "../infra/settings/stack-file";
import { iphoneAnswer } from "../ops/client/iphone";
import { laptopAnswer } from "../ops/client/laptop";
import { sheetAnswer } from "../ops/client/sheet";
import { publicSettings } from "../ops/public-settings";
import { convergeWithoutEngine } from "../sandbox/converge";
import { NOERROR, REFUSED, TYPES, type QueryType } from "../sandbox/dns-message";
import { startOutside } from "../sandbox/outside";
import { askAt, askOnTailnet, checkPhone } from "../sandbox/phone";
import { standIns } from "../sandbox/stand-ins";
import { temporaryFolder } from "../sandbox/temporary";
import { deliver } from "../sandbox/send";

const FOLDER = join(__dirname, "..", "docs", "pictures");
const STACK = "prod";
/** Of a page, in CSS pixels. */
const WIDTH = 820;
const SHEET_HEIGHT = 900;
const LINE = 16;
const PADDING = 24;

interface Picture {
  readonly name: string;
  readonly html: string;
  /** CSS pixels. */
  readonly height: number;
}

async function main(): Promise<number> {
  useDocumentedStack();
  for (const { name, html, height } of await pictures()) {
    const png = photographed(html, height);
    if (png === undefined) {
      process.stderr.write("chromium does not run, so there are no new pictures. On Debian: apt install chromium\n");
      return 1;
    }
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, `${name}.png`), png);
    process.stdout.write(`written  docs/pictures/${name}.png\n`);
  }
  return 0;
}

async function pictures(): Promise<readonly Picture[]> {
  const settings = publicSettings(STACK);
  const address = settings.primaryAddress;
  const sheet = sheetAnswer(settings, address)?.files.find(({ name }) => name.endsWith(".html"));
  const iphone = await iphoneAnswer(settings, address, { signer: undefined, isLight: false });
  const laptop = laptopAnswer(settings, address, "linux", "client");
  if (!sheet || !iphone || !laptop) throw new Error(`the stack ${STACK} does not offer all ways in`);
  return [
    { name: "client-sheet", html: String(sheet.content), height: SHEET_HEIGHT },
    terminal("iphone", `npm run client -- iphone --stack ${STACK}`, iphone.text),
    terminal("laptop", `npm run client -- laptop --stack ${STACK} --os linux`, laptop.text),
    terminal("phone", undefined, await phoneInSandbox()),
  ];
}

/** Text as a terminal shows it, behind the command that printed it. */
function terminal(name: string, command: string | undefined, text: string): Picture {
  const shown = `${command === undefined ? "" : `$ ${command}\n\n`}${text.trimEnd()}`;
  const escaped = shown.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const style =
    `margin:0;padding:${PADDING}px;background:#1c1c1c;color:#e4e4e4;` +
    `font:13px/${LINE}px "DejaVu Sans Mono",monospace;min-height:100vh;box-sizing:border-box`;
  return {
    name,
    html: `<!doctype html><meta charset="utf-8"><body style="margin:0;background:#1c1c1c"><pre style='${style}'>${escaped}</pre>`,
    height: shown.split("\n").length * LINE + 2 * PADDING,
  };
}

/** What the sandbox's phone is answered, and what it finds in the mailbox after one delivery. */
async function phoneInSandbox(): Promise<string> {
  const invented = standIns(STACK);
  const settings = settingsOf(STACK, invented);
  const outside = await startOutside(settings, invented);
  try {
    await convergeWithoutEngine(STACK, invented, outside);
    const { primaryAddress, hostnames } = settings;
    const message = "From: a@sender.example\r\nMessage-ID: <picture@sender.example>\r\n\r\nHello\r\n";
    await deliver(outside, primaryAddress, primaryAddress, Buffer.from(message));
    const { name, address, messages } = await checkPhone(outside, settings);
    const { tailnet } = outside.world;
    const answers = (Object.keys(TYPES) as QueryType[]).map(async (type) => {
      const answer = await askOnTailnet(tailnet, name, type);
      return [name, type, answer?.addresses[0] ?? (answer?.code === NOERROR ? "no data" : "no answer")];
    });
    const other = await askAt(tailnet, address, "example.org", "A");
    const rows = [
      ...(await Promise.all(answers)),
      ["example.org", "A", other?.code === REFUSED ? "refused" : "answered"],
    ];
    return [
      `A phone on the tailnet of ${settings.domain}, in the sandbox`,
      "",
      `The tailnet sends ${hostnames.clients} to ${address}, which answers by UDP:`,
      ...rows.map(([asked = "", type = "", said = ""]) => `  ${asked.padEnd(24)}${type.padEnd(7)}${said}`),
      "",
      `TLS and IMAP at ${address}, port 993:`,
      `  Inbox of ${primaryAddress}: ${messages} ${messages === 1 ? "message" : "messages"}`,
    ].join("\n");
  } finally {
    await outside.close();
  }
}

/** Undefined when chromium does not run. */
function photographed(html: string, height: number): Buffer | undefined {
  const folder = temporaryFolder();
  try {
    const [page, picture] = [join(folder.path, "page.html"), join(folder.path, "page.png")];
    writeFileSync(page, html);
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"];
    const size = `--window-size=${WIDTH},${height}`;
    const run = spawnSync("chromium", [...args, size, `--screenshot=${picture}`, `file://${page}`], {
      stdio: "ignore",
    });
    return run.status === 0 ? readFileSync(picture) : undefined;
  } finally {
    folder.remove();
  }
}

void main().then((code) => process.exit(code));
