import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as fc from "fast-check";
import { XMLParser } from "fast-xml-parser";
import { parse } from "yaml";
import { envFile, envValueFault } from "../../../infra/formats/env-file";
import { quoted, shellWord } from "../../../infra/formats/shell";
import { knownHostsLine, sshPathOption } from "../../../infra/formats/ssh";
import { systemdText, systemdWords } from "../../../infra/formats/systemd";
import { windowsArguments } from "../../../infra/formats/windows";
import { yamlFile } from "../../../infra/host/yaml-file";
import { scheduledTask } from "../../../ops/client/scheduled-task";
import { temporaryFolder, type TemporaryFolder } from "../../../sandbox/temporary";
import { plist } from "../../../worker/src/plist";

/** Pieces that some format reads as something else, and everything else. */
const piece = fc.constantFrom(
  ...[
    "$",
    "${HOME}",
    "$$",
    "%h",
    "%%",
    '"',
    "'",
    "\\",
    "\\\\",
    "#",
    " #",
    " ",
    "\t",
    "\n",
    "\r",
    "\0",
    "=",
    ":",
    "a",
    "b",
  ],
  ...[
    "{a,b}",
    "[1-3]",
    "`id`",
    "$(id)",
    ";",
    "&&",
    "|",
    "<b>",
    "&amp;",
    "]]>",
    "--",
    "~",
    "!",
    "*",
    "yes",
    "0x1",
    "é",
    "\u2028",
  ],
);
const anything = fc.oneof(
  fc.array(piece, { maxLength: 8 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const ascii = fc.array(fc.oneof(piece, fc.string({ unit: "grapheme-ascii", maxLength: 4 })), { maxLength: 6 });
const word = ascii.map((parts) => parts.join(""));

let folder: TemporaryFolder;
beforeEach(() => (folder = temporaryFolder()));
afterEach(() => folder.remove());

test("an environment file holds a value or refuses it with a reason, and never another one", () => {
  fc.assert(
    fc.property(word, (text) => {
      const fault = envValueFault(text);
      if (fault === undefined) expect(envFile({ NAME: text }).split("\n")).toHaveLength(2);
      else expect(() => envFile({ NAME: text })).toThrow("NAME");
      expect(fault === undefined).toBe(
        /^[\x20-\x5b\x5d-\x7e]*$/.test(text) && !(text.includes("'") && /["$]/.test(text)),
      );
    }),
  );
  expect(() => envFile({ "A B": "c" })).toThrow();
});

test("a shell reads a word back", () => {
  const words = fc.sample(
    word.filter((text) => !text.includes("\0")),
    300,
  );
  const script = words.map((text) => `printf '%s\\0' ${quoted(text)} ${shellWord(text)}\n`).join("");
  const said = execFileSync("bash", ["-s"], { input: script, encoding: "utf8" });
  expect(said.split("\0").slice(0, -1)).toEqual(words.flatMap((text) => [text, text]));
});

describe("the URL of a heartbeat", () => {
  test("reaches the server as it is, with its suffix, through the real curl", async () => {
    const seen: string[] = [];
    const server = createServer(({ url, method }, response) => {
      seen.push(`${method ?? ""} ${url ?? ""}`);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const paths = [
      ...['a"b', "{a,b}", "[1-3]", "a\\b", "a$b", "a'b", "a`b", "%7Ba%7D", 'x"--output"/tmp/x', "[", "}", "a{", "a/"],
      ...fc.sample(fc.stringMatching(/^[!-"$->@-~]{1,12}$/), 40),
    ];
    try {
      for (const path of paths) {
        seen.length = 0;
        await post(`${origin}/${path}`, "/fail");
        // What HTTP does not hold as it is comes percent-encoded; dots in a path are resolved by curl and by URL alike.
        const wanted = new URL(`${origin}/${path.replace(/\/$/, "")}/fail`).pathname;
        expect([path, ...seen.map(plainPath)]).toEqual([path, `POST ${decoded(wanted)}`]);
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  const decoded = (path: string) =>
    path.replace(/%[0-9A-F]{2}/gi, (code) => String.fromCharCode(parseInt(code.slice(1), 16)));
  const plainPath = (line: string) => {
    const [method = "", path = ""] = line.split(" ");
    return `${method} ${decoded(path.replaceAll("\\", "/"))}`;
  };

  /** The functions of the program on the host. */
  async function post(url: string, suffix: string): Promise<void> {
    const source = readFileSync("infra/backup/host/run.sh", "utf8");
    const functions = source.slice(source.indexOf("# A value of curl's"));
    mkdirSync(join(folder.path, "secrets"), { recursive: true });
    writeFileSync(join(folder.path, "secrets", "heartbeat-url"), url);
    const script = `set -euo pipefail\nsecrets=${quoted(join(folder.path, "secrets"))} post_seconds=5\n${functions}\npost heartbeat-url ${quoted(suffix)} text\n`;
    const child = spawn("bash", ["-s"], { stdio: ["pipe", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    child.stdin.end(script);
    await new Promise((resolve) => child.once("close", resolve));
    expect([url, said]).toEqual([url, ""]);
  }
});

test("a unit file refuses what would be another line", () => {
  for (const text of ["a\nExecStart=/bin/sh", "a\0", "a\r", "\u0085"]) {
    expect(() => systemdWords([text])).toThrow();
    expect(() => systemdText(text)).toThrow();
  }
  expect(() => systemdText("a\\")).toThrow();
  expect(systemdWords(["/usr/bin/env", "a b", "$HOME", "%h", 'q"\\', ";", ""])).toBe(
    '/usr/bin/env "a b" "$$HOME" %%h "q\\"\\\\" ";" ""',
  );
});

test("YAML gives the same values back, whatever they are", () => {
  fc.assert(
    fc.property(fc.dictionary(anything, fc.oneof(anything, fc.array(anything))), (value) => {
      const wanted = JSON.parse(JSON.stringify(value)) as unknown;
      expect(parse(yamlFile({ value }))).toEqual({ value: wanted });
      expect(parse(yamlFile({ value }), { version: "1.1" })).toEqual({ value: wanted });
    }),
  );
});

test("a property list gives the same strings back, or refuses them", () => {
  const program = "import plistlib,sys,json;print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))";
  const strings: string[] = [];
  for (const text of fc.sample(anything, 400))
    try {
      plist({ text });
      strings.push(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      expect(text).toMatch(/[\p{Cc}\p{Cs}\ufffe\uffff]/u);
    }
  const list = plist(Object.fromEntries(strings.map((text, index) => [`k${index}`, text])));
  const read = execFileSync("python3", ["-c", program], { input: list, encoding: "utf8" });
  expect(Object.values(JSON.parse(read) as object)).toEqual(strings);
});

test("a scheduled task's arguments are those that Windows takes the line apart into", () => {
  const task = (args: readonly string[]) => {
    const { content } = scheduledTask({ ...FORWARD, title: 'a & <b> "c"', command: ["cloudflared", ...args] });
    const xml = Buffer.from(content)
      .toString("utf16le")
      .replace(/^\ufeff/, "");
    const read = new XMLParser({ trimValues: false, parseTagValue: false, htmlEntities: true }).parse(xml) as {
      Task: { RegistrationInfo: { Description: string }; Actions: { Exec: { Arguments: string } } };
    };
    expect(read.Task.RegistrationInfo.Description).toBe('Mail of a & <b> "c" through Cloudflare');
    return read.Task.Actions.Exec.Arguments;
  };
  const args = fc.array(
    word.filter((text) => !/\p{Cc}/u.test(text)),
    { minLength: 1, maxLength: 5 },
  );
  fc.assert(fc.property(args, (list) => expect(argvOf(task(list))).toEqual(list)));
  expect(() => windowsArguments(["a\nb"])).toThrow();
});

test("known_hosts and ssh's options", () => {
  expect(knownHostsLine("mail.example.test", 22, "ssh-ed25519 AAAA")).toBe("mail.example.test ssh-ed25519 AAAA\n");
  expect(knownHostsLine("::1", 2222, "ssh-ed25519 AAAA")).toBe("[::1]:2222 ssh-ed25519 AAAA\n");
  for (const [address, key] of [
    ["a,b", "k"],
    ["a b", "k"],
    ["*", "k"],
    ["a\nb", "k"],
    ["a", "k\nb"],
  ] as const)
    expect(() => knownHostsLine(address, 22, key)).toThrow();
  for (const path of ['a"b', "a\nb", "a${HOME}", "a\\b"]) expect(() => sshPathOption("IdentityFile", path)).toThrow();
  const paths = ["/tmp/a b", "/tmp/100%h", "/tmp/it's", "/tmp/#a", "/tmp/a=b"];
  for (const path of paths) {
    const args = ["-G", "-F", "none", "-o", sshPathOption("IdentityFile", path), "host"];
    const said = execFileSync("ssh", args, { encoding: "utf8", stdio: "pipe" });
    // Tokens are replaced later; the doubled sign is how a path holds one.
    expect(/^identityfile (.*)$/m.exec(said)?.[1]).toBe(path.replaceAll("%", "%%"));
    const hosts = ["-G", "-F", "none", "-o", sshPathOption("UserKnownHostsFile", path), "host"];
    expect(execFileSync("ssh", hosts, { encoding: "utf8", stdio: "pipe" })).toContain(`userknownhostsfile ${path}\n`);
  }
});

const FORWARD = {
  service: "imaps",
  hostname: "imap-tcp.example.test",
  target: "",
  localPort: 1993,
  unit: "mail-example.test-imaps",
} as unknown as Parameters<typeof scheduledTask>[0];

/** The documented rules of CommandLineToArgvW for what follows the program's name. */
function argvOf(line: string): readonly string[] {
  const args: string[] = [];
  let [current, isQuoted, isOpen] = ["", false, false];
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    const backslashes = /^\\*/.exec(line.slice(at))?.[0].length ?? 0;
    if (backslashes > 0) {
      const isBeforeQuote = line.charAt(at + backslashes) === '"';
      current += "\\".repeat(isBeforeQuote ? Math.floor(backslashes / 2) : backslashes);
      isOpen = true;
      at += backslashes - 1;
      if (isBeforeQuote && backslashes % 2 === 1) {
        current += '"';
        at += 1;
      }
    } else if (character === '"') [isQuoted, isOpen] = [!isQuoted, true];
    else if (/[ \t]/.test(character) && !isQuoted) {
      if (isOpen) args.push(current);
      [current, isOpen] = ["", false];
    } else [current, isOpen] = [current + character, true];
  }
  return isOpen ? [...args, current] : args;
}
