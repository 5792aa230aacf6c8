import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import * as fc from "fast-check";
import { run } from "../../../onhost/src/commands";
import { mailboxFolders } from "../../../onhost/src/export/folders";
import { inside, NotInside } from "../../../onhost/src/export/inside";
import { temporaryFolder, type TemporaryFolder } from "../../../sandbox/temporary";
import { fakeJmap, type FakeJmap } from "./fake-jmap";

type Json = Record<string, unknown>;

const SECRET = "recovery administrator's password";
/** What it is called in the issue, and of the same kind. Relative to the account's folder. */
const OUTSIDE = [
  "../../../secrets/recovery-admin.env",
  "scripts/../../../../secrets/recovery-admin.env",
  "mail/../../../../secrets/recovery-admin.env",
  "/etc/passwd",
  "mail//etc/passwd",
  "mail/./INBOX",
  "scripts/..",
  "scripts/a\0b",
  "scripts\\..\\x",
  "scripts/a\\..\\x",
  "scripts/a\nb",
  "",
  ".",
  `mail/${"x".repeat(256)}`,
  `mail/${"x/".repeat(2_100)}y`,
  `scripts/${"é".repeat(200)}`,
  "metadata/emails.jsonl",
  "scripts/fifo",
];

let server: FakeJmap;
let folder: TemporaryFolder;

beforeEach(async () => {
  server = await fakeJmap();
  folder = temporaryFolder();
  writeFileSync(join(folder.path, "password"), "pw");
  mkdirSync(join(folder.path, "secrets"));
  writeFileSync(join(folder.path, "secrets", "recovery-admin.env"), SECRET);
  for (const text of ["one", "two", "three"]) server.deliver(`Subject: ${text}\r\n\r\n${text}\r\n`);
  for (const text of ["a", "b", "c"]) server.script(text, `keep; # ${text}`, text === "b");
  server.objects("ContactCard").set("cc", { id: "cc", uid: "u1", addressBookIds: {}, name: { full: "Ada" } });
  server.objects("Identity").set("i1", { id: "i1", email: "me@example.org", name: "Me" });
  await onhost("export");
});

afterEach(async () => {
  await server.close();
  folder.remove();
});

const exported = () => join(folder.path, "export");
const account = () => join(exported(), "accounts", "me@example.org");

async function onhost(command: string, fake = server, ...more: readonly string[]) {
  let [out, err] = ["", ""];
  const login = ["--url", fake.url, "--user", "me", "--password-file", join(folder.path, "password")];
  const options = command === "check" ? ["export", "--check", exported()] : [command, exported(), ...login];
  const code = await run(
    [...options, ...more],
    {},
    { write: (text: string) => void (out += text) },
    { write: (text: string) => void (err += text) },
  );
  return { code, out, err };
}

/** Imports into an empty server. */
async function imported(): Promise<{ code: number; err: string; texts: readonly string[]; fake: FakeJmap }> {
  const fake = await fakeJmap();
  try {
    const { code, err } = await onhost("import", fake);
    return { code, err, texts: fake.texts(), fake };
  } finally {
    await fake.close();
    rmSync(`${exported()}-import`, { recursive: true, force: true });
  }
}

/** Changes a list as somebody does who knows the format: hashes and names of the list and in the manifest fit again. */
function forge(kind: string, change: (line: Json, index: number) => Json): void {
  const manifestFile = join(exported(), "manifest.json");
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8")) as {
    accounts: [{ files: Record<string, { file: string; sha256: string; lines: number }> }];
  };
  const entry = manifest.accounts[0].files[kind];
  if (entry === undefined) throw new Error(`no ${kind}`);
  const lines = readFileSync(join(account(), entry.file), "utf8").trimEnd().split("\n");
  const content = lines.map((line, index) => `${JSON.stringify(change(JSON.parse(line) as Json, index))}\n`).join("");
  const sha256 = createHash("sha256").update(content).digest("hex");
  Object.assign(entry, { sha256, file: `metadata/${kind}.${sha256.slice(0, 12)}.jsonl` });
  writeFileSync(join(account(), entry.file), content);
  writeFileSync(manifestFile, JSON.stringify(manifest));
}

const first = (changed: Json) => (line: Json, index: number) => (index === 0 ? { ...line, ...changed } : line);
const hashOfSecret = createHash("sha256").update(SECRET).digest("hex");
const files = (under: string) =>
  readdirSync(join(account(), under), { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

describe("a name that leads outside the export", () => {
  test.each(OUTSIDE)("%j of a script is refused and named, and everything else is imported", async (file) => {
    if (file === "scripts/fifo") execFileSync("mkfifo", [join(account(), file)]);
    forge("sieve", first({ file, sha256: hashOfSecret }));
    const { code, err, texts, fake } = await imported();
    expect(code).toBe(5);
    expect(err).toContain("me@example.org: script a: ");
    expect(texts.join()).not.toContain(SECRET);
    expect([...fake.objects("SieveScript").values()].map(({ name }) => name)).toEqual(["b", "c"]);
    expect(fake.objects("Email").size).toBe(3);
    expect(fake.objects("ContactCard").size).toBe(1);
    expect(await onhost("check")).toMatchObject({ code: 6 });
    expect(await onhost("compare")).toMatchObject({ code: 6 });
  });

  test.each(OUTSIDE)("%j as a mailbox's folder costs its messages alone", async (name) => {
    server.objects("Mailbox").set("work", { id: "work", name: "Work", parentId: null, role: null });
    server.deliver("Subject: four\r\n\r\nfour\r\n", ["work"]);
    await onhost("export", server, "--full");
    if (name === "scripts/fifo") execFileSync("mkfifo", [join(account(), name)]);
    forge("mailboxes", (line) => (line["id"] === "work" ? { ...line, folder: name } : line));
    const { code, err, texts, fake } = await imported();
    expect(code).toBe(5);
    expect(err).toMatch(/^me@example\.org: message: /m);
    expect(texts).toContain("Subject: one\r\n\r\none\r\n");
    expect(fake.objects("Email").size).toBe(3);
    expect(await onhost("check")).toMatchObject({ code: 6 });
    // The next export does not believe it either, and is whole again.
    expect(await onhost("export", server, "--full")).toMatchObject({ code: 0 });
    expect(await onhost("check")).toMatchObject({ code: 0 });
  });

  test.each(["../../../secrets/recovery-admin", "x/../../../../secrets/recovery-admin.env", "", "a\0b", "é"])(
    "%j as a message's hash",
    async (sha256) => {
      forge("emails", first({ sha256 }));
      const { code, err, texts, fake } = await imported();
      expect(code).toBe(5);
      expect(err.trimEnd().split("\n")).toHaveLength(1);
      expect(texts.join()).not.toContain(SECRET);
      expect(fake.objects("Email").size).toBe(2);
    },
  );

  test.each(["accounts/..", "../secrets", "/etc", "accounts/a\0b", "accounts/a\\b", `accounts/${"x".repeat(300)}`, ""])(
    "%j as an account's folder: nothing is read there, no stack trace",
    async (name) => {
      const manifest = join(exported(), "manifest.json");
      writeFileSync(
        manifest,
        readFileSync(manifest, "utf8").replace(JSON.stringify("accounts/me@example.org"), JSON.stringify(name)),
      );
      for (const command of ["import", "compare", "check", "export"]) {
        const { code } = await onhost(command);
        expect([command, code]).not.toEqual([command, 0]);
      }
    },
  );
});

describe("a symbolic link in the export", () => {
  test.each([
    ["a script", () => files("scripts")[0] ?? ""],
    ["a message", () => files("mail")[0] ?? ""],
    ["a list", () => files("metadata").find((file) => basename(file).startsWith("contacts.")) ?? ""],
    ["the folder of scripts", () => join(account(), "scripts")],
    ["a mailbox", () => dirname(files("mail")[0] ?? "")],
    ["the account", () => account()],
    ["the manifest", () => join(exported(), "manifest.json")],
  ])("%s is not followed, even to what has the right hash", async (_, target) => {
    const link = target();
    const elsewhere = join(folder.path, "secrets", basename(link));
    renameSync(link, elsewhere);
    symlinkSync(elsewhere, link);
    const { code } = await imported();
    expect(code).not.toBe(0);
    expect((await onhost("check")).code).not.toBe(0);
    expect((await onhost("compare")).code).not.toBe(0);
    const before = [...readdirSync(join(folder.path, "secrets"), { recursive: true })];
    await onhost("export", server, "--full", "--repair");
    server.remove("Email", [...server.objects("Email").keys()][0] ?? "");
    server.objects("SieveScript").clear();
    await onhost("export", server, "--full");
    // Nothing is written or removed where it leads.
    expect(readdirSync(join(folder.path, "secrets"), { recursive: true })).toEqual(before);
  });

  test("what a broken run left is not written through either", async () => {
    const target = join(folder.path, "secrets", "recovery-admin.env");
    mkdirSync(join(account(), "incoming"));
    symlinkSync(target, join(account(), "incoming", "journal.jsonl"));
    server.deliver("Subject: four\r\n\r\nfour\r\n");
    await onhost("export");
    expect(readFileSync(target, "utf8")).toBe(SECRET);
  });
});

describe("bytes that are not those of the list", () => {
  test("a message is refused and named, the others are imported, and a dry run says so too", async () => {
    const [message = ""] = files("mail");
    const bytes = readFileSync(message);
    bytes.writeUInt8(bytes.readUInt8(9) ^ 1, 9);
    rmSync(message);
    writeFileSync(message, bytes);
    const fake = await fakeJmap();
    expect((await onhost("import", fake, "--dry-run")).out).toContain("2 messages would be imported");
    await fake.close();
    const { code, err, fake: target } = await imported();
    expect([code, target.objects("Email").size]).toEqual([5, 2]);
    expect(err).toContain(`${message}: it does not have the SHA-256 that its list gives`);
    expect((await onhost("compare")).err).toContain("does not have the hash that the export's list gives");
  });

  test("a script is refused, and is not made active under its name", async () => {
    const script = files("scripts").find((file) => basename(file).startsWith("b.")) ?? "";
    rmSync(script);
    writeFileSync(script, "discard;");
    const fake = await fakeJmap();
    fake.script("b", "stop;");
    fake.log.length = 0;
    const { code, err } = await onhost("import", fake);
    expect(code).toBe(5);
    expect(err).toContain("me@example.org: script b: it does not have the SHA-256 that its list gives");
    expect(fake.texts()).not.toContain("discard;");
    expect([...fake.objects("SieveScript").values()]).toMatchObject([{ name: "b" }, { name: "a" }, { name: "c" }]);
    await fake.close();
  });

  test.each(["contacts", "identities", "sieve", "emails", "mailboxes"])(
    "a list of %s costs its kind alone",
    async (kind) => {
      const list = files("metadata").find((file) => basename(file).startsWith(`${kind}.`)) ?? "";
      writeFileSync(list, `${readFileSync(list, "utf8")}{}\n`);
      const { code, err, fake } = await imported();
      expect(code).toBe(5);
      expect(err.trimEnd().split("\n")).toHaveLength(1);
      const isMail = kind === "emails" || kind === "mailboxes";
      expect(fake.objects("Email").size).toBe(isMail ? 0 : 3);
      expect(fake.objects("SieveScript").size).toBe(kind === "sieve" ? 0 : 3);
      expect(fake.objects("ContactCard").size).toBe(kind === "contacts" ? 0 : 1);
      expect((await onhost("compare")).code).toBe(6);
    },
  );

  test("names in what is told cannot steer a terminal", async () => {
    forge("sieve", first({ name: "a\u001b]52;c;eA==\u0007\u009b2J\u202e", file: "../x" }));
    const { err } = await imported();
    expect(err).toContain("\\u001b]52;c;eA==\\u0007\\u009b2J\\u202e");
  });
});

describe("inside", () => {
  test("whatever a name is, its path is below the root or it is refused", () => {
    const step = fc.oneof(
      fc.constantFrom("..", ".", "", "a", "mail", "link", "\0", "\\", "..\\", "%2e%2e", "x".repeat(300)),
      fc.string({ unit: "binary", maxLength: 8 }),
    );
    symlinkSync("/etc", join(folder.path, "link"));
    const { place } = inside(folder.path);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
        try {
          expect(place(steps.join("/"))).toMatch(new RegExp(`^${folder.path}/(?!link|\\.\\.?(/|$))`, "s"));
        } catch (error) {
          if (!(error instanceof NotInside)) throw error;
        }
      }),
    );
  });

  test("whatever a mailbox is called, the export may keep it", () => {
    const { partPlace } = inside(folder.path);
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 300 }), { maxLength: 8 }), (names) => {
        const mailboxes = names.map((name, index) => ({ id: `${index}`, name, parentId: `${index - 1}` }));
        for (const name of mailboxFolders(mailboxes).values()) partPlace("mail", `mail/${name}`);
      }),
    );
  });

  test("hard links and the operator's own link to the export are what they always were", async () => {
    const [message = ""] = files("mail");
    linkSync(message, join(folder.path, "again"));
    cpSync(exported(), join(folder.path, "real"), { recursive: true });
    rmSync(exported(), { recursive: true });
    symlinkSync(join(folder.path, "real"), exported());
    expect((await imported()).code).toBe(0);
  });
});
