/** `npm run settings` against the engine: what it accepts, the engine reads with the same values. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { readStackFile, StackFileError } from "../../infra/settings/stack-file";
import { findEngine } from "../../sandbox/engine/find";
import { silent } from "../../sandbox/progress";
import { temporaryFolder } from "../../sandbox/temporary";
import { describeEngine } from "./describe";

type Values = Readonly<Record<string, string>>;

describeEngine("a stack file", () => {
  const folder = temporaryFolder();
  let pulumi: string;
  const environment = {
    ...process.env,
    PULUMI_HOME: join(folder.path, "home"),
    PULUMI_BACKEND_URL: `file://${folder.path}`,
    PULUMI_CONFIG_PASSPHRASE: "sandbox",
    PULUMI_SKIP_UPDATE_CHECK: "true",
  };
  const options = { cwd: folder.path, env: environment, encoding: "utf8" } as const;

  beforeAll(async () => {
    const { command } = await findEngine(silent);
    if (command === undefined) throw new Error("There is no engine.");
    pulumi = command.command;
    mkdirSync(environment.PULUMI_HOME);
    writeFileSync(join(folder.path, "Pulumi.yaml"), "name: mail\nruntime: nodejs\n");
    execFileSync(pulumi, ["stack", "init", "x", "--non-interactive"], { ...options, stdio: "pipe" });
  });
  afterAll(() => folder.remove());

  /** What the engine reads; undefined when it refuses the file. */
  function engineReads(content: string | Buffer): Values | undefined {
    writeFileSync(join(folder.path, "Pulumi.x.yaml"), content);
    const ran = spawnSync(pulumi, ["config", "--json", "--stack", "x", "--non-interactive"], options);
    if (ran.status !== 0) return undefined;
    const config = JSON.parse(ran.stdout) as Readonly<Record<string, { readonly value?: string }>>;
    return Object.fromEntries(Object.entries(config).map(([key, { value = "(secret)" }]) => [key, value]));
  }

  /** What this program reads of the same file; undefined when it has a problem with it. */
  function weRead(): Values | undefined {
    try {
      const { raw, problems } = readStackFile("x", folder.path);
      if (problems.length > 0) return undefined;
      return Object.fromEntries([...raw].map(([name, { text = "(secret)" }]) => [`mail:${name}`, text]));
    } catch (error) {
      if (error instanceof StackFileError) return undefined;
      throw error;
    }
  }

  const config = (value: string) => `config:\n  mail:k: ${value}\n`;

  it.each([
    ...["2026-11-30", "2026-11-30T10:00:00Z", "2026-11-30 10:00:00", "2026-1-1", "2026-01-01t00:00:00+01:00"],
    ...["0777", "0123", "089", "1_000", "1__0", "0b101", "0B1", "-0b1", "0o17", "0O17", "0x1F", "0X1f", "0x_1"],
    ...[
      "+5",
      "-0",
      "1.10",
      "1.0",
      "0.",
      "1.",
      ".5",
      "1e3",
      "1E3",
      "202602e1",
      "1_0.5",
      "1e400",
      "12345678901234567890",
    ],
    ...[".inf", "-.inf", ".Inf", ".nan", ".NaN", "True", "TRUE", "False", "Null", "NULL"],
    ...["!!int '5'", "!!float 3", "!!binary aGk=", "!!bool yes", "!!null ''", "!custom x", "!!timestamp 2026-01-01"],
    ...[
      "[2026-01-01]",
      "[a, 1.10]",
      "[0777]",
      "[12345678901234567890]",
      "[{type: TXT, value: 2026-01-01}]",
      "{a: 0b1}",
    ],
    ...["*nope", "[*nope]", "&a [*a]", "-", "@a", "`a", "%a"],
    ...["{secure: 5}", "{secure: v1:a:b, x: y}", "{secure: null}", "{secure: [1]}", "{Secure: v1:a:b}", "{secure: ''}"],
  ])("with a value that the engine rewrites or refuses is a problem: %s", (value) => {
    const engine = engineReads(`encryptionsalt: v1:x\n${config(value)}`);
    const ours = weRead();
    if (ours !== undefined) expect(ours).toEqual(engine);
    expect(ours).toBeUndefined();
  });

  it.each([
    ...[
      "yes",
      "no",
      "on",
      "off",
      "Off",
      "y",
      "n",
      "true",
      "false",
      "null",
      "~",
      "",
      "''",
      '""',
      "0",
      "50",
      "202602",
      "-5",
    ],
    ...[
      "9007199254",
      "1.5",
      "202602e",
      "202602r",
      "192.0.2.10",
      "1:30",
      "12:30:45",
      "x#y",
      "x #y",
      "=",
      "NaN",
      "inf-x",
    ],
    ...[
      '"2026-11-30"',
      "'0777'",
      '"1.10"',
      "!!str 123",
      "!!str 2026-11-30",
      "&a x",
      "|\n    line\n    two",
      ">\n    a\n    b",
    ],
    ...[
      "[]",
      "[a, 1, yes]",
      "[50, 64, 82]",
      "['1.10', \"0777\"]",
      "[{type: TXT, name: a, value: b}]",
      "{a: 1}",
      "[null]",
    ],
    ...[
      '"\\u0041"',
      '"\\x41"',
      '"a\\tb"',
      "a b  c",
      "ssh-ed25519 AAAA= root@host",
      "{secure: v1:aa:bb}",
      "[{secure: v1:aa:bb}]",
    ],
    ...["2026-11", "20261130", "2026.11.30", "v1.10", "1.2.3", "00:11:22:33:44:55"],
  ])("with a value that the engine reads as it is written is read alike: %s", (value) => {
    const engine = engineReads(`encryptionsalt: v1:x\n${config(value)}`);
    const ours = weRead();
    expect(engine).toBeDefined();
    expect(ordered(ours)).toEqual(ordered(engine));
  });

  /** The engine sorts the keys of a map. */
  function ordered(values: Values | undefined): unknown {
    return Object.entries(values ?? {}).map(([key, text]) => [
      key,
      /^[[{]/.test(text) ? (JSON.parse(text) as unknown) : text,
    ]);
  }

  const good = "config:\n  mail:a: x\n";
  it.each<[string, string | Buffer]>([
    ["Config beside config", `${good}Config:\n  mail:a: y\n`],
    ["Config alone", "Config:\n  mail:a: x\n"],
    ["config twice", `${good}${good}`],
    ["a key twice", `${good}  mail:a: y\n`],
    ["a key twice, once without a namespace", `${good}  a: y\n`],
    ["a key twice, once as Pulumi once wrote it", `${good}  mail:config:a: y\n`],
    ["a key of three parts", "config:\n  a:b:c: x\n"],
    ["a number as a key", "config:\n  1: x\n"],
    ["a truth value as a key", "config:\n  true: x\n"],
    ["null as a key", "config:\n  ~: x\n"],
    ["a date as a key", "config:\n  2026-01-01: x\n"],
    ["a list as a key", "config:\n  ? [a]\n  : x\n"],
    ["an empty key", "config:\n  '': x\n"],
    ["an empty name", "config:\n  'mail:': x\n"],
    ["an empty namespace", "config:\n  ':a': x\n"],
    ["a merged map", "config:\n  <<: {mail:b: z}\n  mail:a: x\n"],
    ["a merged alias", "encryptedkey: &k x\nconfig:\n  <<: *k\n"],
    ["two documents", `${good}---\nconfig:\n  mail:a: y\n`],
    ["a directive of YAML 1.1", `%YAML 1.1\n---\n${config("yes")}`],
    ["a directive of YAML 1.2", `%YAML 1.2\n---\n${config("yes")}`],
    ["a list for config", "config: []\n"],
    ["a text for config", "config: x\n"],
    ["a set for config", "config: !!set\n  mail:a\n"],
    ["a text for all", "hello"],
    ["a list for all", "- a\n"],
    ["a tab for a space", "config:\n\tmail:a: x\n"],
    ["a control character", config("x\0y")],
    ["a control character of Latin 1", config("x\u009by")],
    ["Latin 1", Buffer.from(config("\u00e9"), "latin1")],
    ["UTF-16", Buffer.from(`\ufeff${good}`, "utf16le")],
    ["a crooked indent", "config:\n   mail:a: x\n  mail:b: y\n"],
    ["an escape of JSON's", config('"a\\/b"')],
    ["half of a surrogate pair", config('"\\ud83d\\ude00"')],
    ["an escape of JSON's in a key", 'config:\n  "mail:\\/a": x\n'],
    ["a separator that ends a comment", config("x # c\u2028  mail:b: y")],
    ["a separator in a value", config("x\u0085y")],
    ["a carriage return that ends a comment", config("x # c\r  mail:b: y")],
    ["a tab in an empty line", `${good} \t\n`],
    ["a tab before a comment", `${good}\t# c\n`],
    ["a tab behind the mark of an item", "config:\n  mail:a:\n  -\tx\n"],
    ["a text of several lines that starts with a tab", config("|\n    \tx")],
    ["null as a key of a map", config("{~: b}")],
    ["no key of a map", config("{? : b}")],
    ["a list as a key of a map", config("{[a]: b}")],
    ["a map that merges another", config("{<<: {x: y}}")],
    ["a key twice in a map, as a number and a text", config('{1: x, "1": y}')],
    ["a set", config("!!set {a, b}")],
    ["an ordered map", config("!!omap [a: b]")],
    ["a list with a tag of somebody's", config("[!x [a]]")],
    ["a list for a salt", `encryptionsalt: [a]\n${good}`],
    ["a map for a key", `encryptedkey: {a: b}\n${good}`],
    ["an alias of a list for a salt", "config:\n  mail:a: &s [x]\nencryptionsalt: *s\n"],
    [
      "aliases that stand for a million items",
      `config:\n  mail:a0: &a0 [x]\n${[1, 2, 3, 4, 5, 6]
        .map(
          (n) =>
            `  mail:a${n}: &a${n} [${Array<string>(10)
              .fill(`*a${n - 1}`)
              .join(", ")}]\n`,
        )
        .join("")}`,
    ],
    ["an environment", `environment:\n  - a\n${good}`],
    ["a misspelt section", `encryptionSalt: v1:x\n${good}`],
    ["an encrypted value without the salt", "config:\n  mail:a:\n    secure: v1:aa:bb\n"],
    ["a misspelt namespace", `${good}  clodflare:apiToken: x\n`],
    ["a namespace in capitals", `${good}  Mail:a: x\n`],
    ["a misspelt key of a provider", `${good}  cloudflare:apitoken: x\n`],
    ["a provider's secret in the clear", `${good}  cloudflare:apiToken: x\n`],
    ["a provider's secret in the clear in a list", `${good}  aws:secretKey: [x]\n`],
    ["another provider's", `${good}  tailscale:oauthClientSecret: x\n`],
  ])("is a problem: %s", (_, content) => {
    engineReads(content);
    expect(weRead()).toBeUndefined();
  });

  it.each<[string, string | Buffer]>([
    ["an empty file", ""],
    ["nothing in config", "config:\n"],
    ["an empty map", "config: {}\n"],
    ["a mark of byte order", `\ufeff${good}`],
    ["CRLF", good.replaceAll("\n", "\r\n")],
    ["marks of a document", `---\n${good}...\n`],
    ["JSON", '{\t"config": {"mail:a": "x"}}'],
    ["escapes that both know", config('"\\\\/ \\\\ud83d \\U0001F600 a\tb"')],
    ["tabs of JSON", '{\n\t"config": {\n\t\t"mail:a": "x"\n\t}\n}\n'],
    ["a tab inside a text of several lines", config("|\n    x\n    \ty")],
    ["comments", `# a\n${good} # b\n`],
    ["an alias", "config:\n  mail:a: &x foo\n  mail:b: *x\n  mail:c: [*x]\n"],
    ["an anchor in a key's list", "config:\n  mail:a: &x [1, yes]\n  mail:b: *x\n"],
  ])("is read as the engine reads it: %s", (_, content) => {
    const engine = engineReads(content);
    expect(weRead()).toEqual(engine);
  });

  it("agrees on thousands of words that look like numbers, dates and truth values", () => {
    const part = fc.constantFrom(
      ...[
        "0",
        "1",
        "7",
        "9",
        "_",
        ".",
        "-",
        "+",
        "e",
        "E",
        "x",
        "X",
        "o",
        "O",
        "b",
        "B",
        "f",
        ":",
        "T",
        "Z",
        "2026",
        "-01",
        "-1",
      ],
      ...[
        "inf",
        "Inf",
        "INF",
        "nan",
        "NaN",
        "true",
        "True",
        "TRUE",
        "null",
        "Null",
        "yes",
        "Off",
        "~",
        "<<",
        "10",
        "00",
        " ",
      ],
    );
    const word = fc.array(part, { minLength: 1, maxLength: 7 }).map((parts) => parts.join("").trim());
    const words = fc.sample(fc.uniqueArray(word, { minLength: 400, maxLength: 400 }), { numRuns: 8, seed: 8 }).flat();
    const lines = words.map((text, index) => `  mail:k${index}: ${text}`);
    const accepted = lines.filter((line) => {
      writeFileSync(join(folder.path, "Pulumi.x.yaml"), `config:\n${line}\n`);
      return weRead() !== undefined;
    });
    const engine = engineReads(`config:\n${accepted.join("\n")}\n`);
    expect(accepted.length).toBeGreaterThan(400);
    expect(accepted.length).toBeLessThan(lines.length);
    expect(weRead()).toEqual(engine);
  });
});
