import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as fc from "fast-check";

import { hostFiles } from "../../infra/host/files";
import { envFile, envValueFault } from "../../infra/formats/env-file";
import { systemdText, systemdWords } from "../../infra/formats/systemd";
import { parseApiKey } from "../../infra/settings/values";
import { type TemporaryFolder, temporaryFolder } from "../../sandbox/temporary";
import { toolPath } from "../../tools/go-tool";
import { describeWith } from "../needs";
import { describeTool } from "../tools";
import { augustin } from "../unit/dns/fixtures";

/** Pieces that one of the readers takes for something else. */
const piece = fc.oneof(
  fc.constantFrom(
    ...[
      "$",
      "${HOME}",
      "$HOME",
      "$$",
      '"',
      "'",
      "\\",
      "#",
      " #",
      " ",
      "=",
      ":",
      "%",
      "%h",
      "`",
      "{{a}}",
      ";",
      "\t",
      "é",
    ],
  ),
  fc.string({ unit: "grapheme-ascii", maxLength: 4 }),
);
const text = fc.array(piece, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(""));
const SAMPLES = 1_000;
const SECRETS = { tunnelToken: "tunnel-token-value", acmeDnsToken: "acme-token-value", tailnetKey: "tskey-auth-value" };

let folder: TemporaryFolder;
beforeEach(() => (folder = temporaryFolder()));
afterEach(() => folder.remove());

describeTool("compose")("an environment file", () => {
  /** The values of the file as compose gives them to a container; of its output `$` is doubled. */
  function environment(file: string, service: string, values: Record<string, string> = {}): Record<string, string> {
    const run = spawnSync(toolPath("compose"), ["--profile", "tools", "-f", file, "config", "--format", "json"], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: "/home/somebody", ...values },
      maxBuffer: 64 * 1024 * 1024,
    });
    expect([run.status, run.stderr]).toEqual([0, ""]);
    const project = JSON.parse(run.stdout) as { services: Record<string, { environment: Record<string, string> }> };
    const read = Object.entries(project.services[service]?.environment ?? {});
    return Object.fromEntries(read.map(([name, value]) => [name, value.replaceAll("$$", "$")]));
  }

  it("gives a container exactly the values that were written, whatever they are", () => {
    const samples = fc.sample(text, SAMPLES).filter((value) => envValueFault(value) === undefined);
    expect(samples.length).toBeGreaterThan(SAMPLES / 4);
    const values = Object.fromEntries(samples.map((value, index) => [`V${index}`, value]));
    writeFileSync(join(folder.path, "secret.env"), envFile(values));
    const file = join(folder.path, "compose.yaml");
    writeFileSync(file, "services: {a: {image: x, env_file: [secret.env]}}\n");
    expect(environment(file, "a")).toEqual(values);
  });

  it.each(["re_a$b", "re_a${HOME}b", 're_"ab"', "re_a'b", "re_#a", "re_a#b", "re_`a`", "re_a=b", "re_a:b", "re_%ab"])(
    "of the relay holds the key %s as it is",
    (key) => {
      const checked = parseApiKey(key);
      if (!checked.ok) throw new Error(`${key} is refused`);
      const settings = augustin({ resend: { ...augustin().resend, apiKey: checked.value } });
      const minted = ["stalwart/secrets/recovery-admin.env", "stalwart/secrets/stalwart-cli.env"];
      const user = { path: "mail-stack/.env", content: "MAIL_UID=1000\nMAIL_GID=1000\n" };
      for (const { path, content } of [
        ...hostFiles(settings, SECRETS),
        ...minted.map((path) => ({ path, content: "" })),
        user,
      ]) {
        mkdirSync(dirname(join(folder.path, path)), { recursive: true });
        writeFileSync(join(folder.path, path), content);
      }
      const read = environment(join(folder.path, "mail-stack/compose.yaml"), "stalwart");
      expect(Object.values(read)).toContain(key);
    },
  );
});

describeWith("systemd", "It is part of Debian's systemd: apt install systemd")("a unit file", () => {
  /** What systemd itself makes of a unit: its user manager in test mode, which loads units and starts nothing. */
  function loaded(unit: string): { readonly description: string; readonly commands: readonly (readonly string[])[] } {
    const units = join(folder.path, "systemd", "user");
    mkdirSync(units, { recursive: true });
    for (const each of [folder.path, dirname(units), units]) chmodSync(each, 0o777);
    writeFileSync(join(units, "judged.service"), unit, { mode: 0o644 });
    // As root it would be the system's manager.
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const run = spawnSync("systemd", ["--user", "--test", "--unit=judged.service"], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: folder.path, XDG_CONFIG_HOME: folder.path, XDG_RUNTIME_DIR: folder.path },
      maxBuffer: 64 * 1024 * 1024,
      ...nobody,
    });
    expect([run.status, run.stderr]).toEqual([0, expect.any(String)]);
    const own = /^\t?-> Unit judged\.service:$([\s\S]*?)(?=^\t?-> Unit |(?![\s\S]))/m.exec(run.stdout)?.[1] ?? "";
    const commands = [...own.matchAll(/^\t+Command Line: (.*)$/gm)].map(([, line = ""]) => wordsOf(line));
    return { description: /^\t+Description: (.*)$/m.exec(own)?.[1] ?? "", commands };
  }

  /** systemd prints words between double quotes where it must, with backslashes; `$$` is a `$` when it starts the command. */
  function wordsOf(line: string): readonly string[] {
    return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
      (quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "").replaceAll("$$", "$"),
    );
  }

  it("starts exactly the words that were written", () => {
    const printable = text.filter((value) => !/\p{Cc}/u.test(value) && /^[\x20-\x7e]*$/.test(value));
    const commands = fc.sample(fc.array(printable, { minLength: 1, maxLength: 4 }), 300);
    const lines = commands.map((words) => `ExecStart=${systemdWords(["/usr/bin/env", ...words])}\n`).join("");
    const said = loaded(`[Service]\nType=oneshot\n${lines}`);
    expect(said.commands).toEqual(commands.map((words) => ["/usr/bin/env", ...words]));
  });

  it.each(["100% a $b", 'a "b" \\x41 c', "%h", "a ; b # c", "'"])("has the description %s", (description) => {
    const unit = `[Unit]\nDescription=${systemdText(description)}\n[Service]\nType=oneshot\nExecStart=/usr/bin/true\n`;
    expect(loaded(unit).description).toBe(description);
  });
});
