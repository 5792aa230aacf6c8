import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { readManifest } from "../../../onhost/src/export/manifest";
import { exportAll, type ExportReport } from "../../../onhost/src/export/run";
import { importAll, type ImportReport } from "../../../onhost/src/import/run";
import { connectTo } from "../../../onhost/src/jmap/client";
import { temporaryFolder, type TemporaryFolder } from "../../../sandbox/temporary";
import { fakeJmap, type FakeJmap } from "./fake-jmap";

const QUICK = { firstPauseMs: 1, longestPauseMs: 5, totalMs: 500 };
const LIMIT = "urn:ietf:params:jmap:error:limit";

let server: FakeJmap;
let folder: TemporaryFolder;

beforeEach(async () => {
  server = await fakeJmap();
  folder = temporaryFolder();
});

afterEach(async () => {
  await server.close();
  folder.remove();
});

function connect(fake = server) {
  return connectTo({ url: fake.url, authorization: "Basic bWU6cHc=", patience: QUICK });
}

async function runExport(more: Partial<Parameters<typeof exportAll>[1]> = {}): Promise<ExportReport> {
  const client = await connect();
  server.log.length = 0;
  try {
    return await exportAll(client, {
      root: join(folder.path, "export"),
      server: server.url,
      only: [],
      acceptsLoss: false,
      listsAll: false,
      repairs: false,
      signal: new AbortController().signal,
      onProgress: () => undefined,
      ...more,
    });
  } finally {
    client.close();
  }
}

async function runImport(into: FakeJmap, isDry = false): Promise<ImportReport> {
  const client = await connect(into);
  const root = join(folder.path, "export");
  const manifest = readManifest(root);
  if (manifest === undefined) throw new Error("no export");
  try {
    return await importAll(client, manifest, {
      root,
      server: into.url,
      accounts: new Map(),
      journalFolder: join(folder.path, "journal"),
      isDry,
      onProgress: () => undefined,
    });
  } finally {
    client.close();
  }
}

function message(text: string): string {
  return `From: a@b.example\r\nSubject: ${text}\r\n\r\n${text}\r\n`;
}

function deliver(count: number, mailboxes?: readonly string[]): readonly string[] {
  return Array.from({ length: count }, (_, index) => server.deliver(message(`${index}`), mailboxes));
}

function downloads(): number {
  return server.log.filter((line) => line === "GET download").length;
}

const emailFiles = () =>
  readdirSync(join(folder.path, "export"), { recursive: true }).filter((name) => String(name).endsWith(".eml"));

describe("export", () => {
  test("a run without changes asks twice, moves nothing and writes nothing", async () => {
    deliver(10);
    await runExport();
    const manifest = join(folder.path, "export", "manifest.json");
    const before = readFileSync(manifest, "utf8");
    utimesSync(manifest, 0, 0);
    const report = await runExport();
    expect(readFileSync(manifest, "utf8")).toBe(before);
    // What looks at the export's age looks there.
    expect(Date.now() - statSync(manifest).mtimeMs).toBeLessThan(60_000);
    expect(report).toMatchObject({ requests: 2, accounts: [{ downloaded: 0, messages: 10 }] });
    expect(downloads()).toBe(0);
  });

  test.each([1, 2, 3, 7])("pages of %i objects give everything", async (get) => {
    deliver(7);
    server.limits.get = get;
    for (let index = 0; index < 5; index += 1)
      server.objects("Mailbox").set(`x${index}`, { id: `x${index}`, name: `m${index}`, parentId: null });
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 7 }] });
    expect(readManifest(join(folder.path, "export"))?.accounts[0]?.files["mailboxes"]?.lines).toBe(6);
  });

  test("small messages come together, a large one and what is left out come alone", async () => {
    const ids = deliver(120);
    server.deliver(message("x".repeat(2_000_000)));
    const missing = String(server.objects("Email").get(ids[7] ?? "")?.["blobId"]);
    server.blobs = { without: [missing] };
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 121, downloaded: 121, gaps: [] }] });
    expect(server.log.filter((line) => line === "Blob/get")).toHaveLength(3);
    expect(downloads()).toBe(2);
    for (const name of emailFiles()) {
      const content = readFileSync(join(folder.path, "export", String(name)));
      expect(String(name)).toContain(createHash("sha256").update(content).digest("hex"));
    }
  });

  test("compressed answers are read", async () => {
    server.compresses = true;
    deliver(3);
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 3, gaps: [] }] });
  });

  test.each(["Email", "Mailbox"])(
    "a restored server with the same states and numbers, and other %ss, is noticed",
    async (type) => {
      const [first = ""] = deliver(3);
      await runExport();
      if (type === "Email") server.objects("Email").set(first, { ...server.objects("Email").get(first), size: 1 });
      else server.objects("Mailbox").set("more", { id: "more", name: "More", parentId: null });
      await runExport();
      expect(server.log).toContain(type === "Email" ? "Email/query Email/get" : "Email/changes");
    },
  );

  test("what is destroyed and what arrives while pages are read leaves no hole", async () => {
    const ids = deliver(9);
    server.limits.get = 3;
    let pages = 0;
    server.interrupt = (_, methods) => {
      if (methods[0] === "Email/query" && (pages += 1) === 2) {
        for (const id of ids.slice(1, 3)) server.remove("Email", id);
        server.deliver(message("late"));
      }
      return undefined;
    };
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 8, gaps: [] }] });
    expect(emailFiles()).toHaveLength(8);
  });

  test("changes that the server cannot tell cost a listing, and no message", async () => {
    deliver(5);
    await runExport();
    server.deliver(message("new"));
    server.forget();
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 6, downloaded: 1 }] });
    expect(downloads()).toBe(1);
  });

  test("a server that was restored, and gave a lost message's id and state to another one, is noticed", async () => {
    const ids = deliver(5);
    await runExport();
    // What the restored server has instead: as many messages, the same states, the same ids.
    const last = ids.at(-1) ?? "";
    const other = server.deliver(message("another"), [], {});
    const content = { ...server.objects("Email").get(other), id: last, mailboxIds: { inbox: true } };
    server.objects("Email").delete(other);
    server.objects("Email").set(last, content);
    server.rewind(1);
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 5, downloaded: 1 }] });
  });

  test("a message that moves, and a mailbox that is renamed, move no bytes", async () => {
    const [first = ""] = deliver(3);
    await runExport();
    server.objects("Mailbox").set("archive", { id: "archive", name: "Archive", parentId: null });
    const client = await connect();
    const using = ["urn:ietf:params:jmap:mail"];
    const patch = { "mailboxIds/inbox": false, "mailboxIds/archive": true, "keywords/$seen": true };
    await client.call(using, ["Email/set", { accountId: "c", update: { [first]: patch } }]);
    expect(await runExport()).toMatchObject({ accounts: [{ downloaded: 0 }] });
    expect(emailFiles().filter((name) => String(name).includes("mail/Archive/"))).toHaveLength(1);
    expect(emailFiles()).toHaveLength(3);
    await client.call(using, ["Mailbox/set", { accountId: "c", update: { archive: { name: "Old" } } }]);
    client.close();
    await runExport();
    expect(emailFiles().filter((name) => String(name).includes("mail/Old/"))).toHaveLength(1);
    expect(emailFiles()).toHaveLength(3);
  });

  test.each([
    ["429 with a time", { status: 429, headers: { "retry-after": "0" } }],
    ["a limit of concurrent requests", { status: 400, type: LIMIT }],
    ["503", { status: 503 }],
    ["a broken connection", "cut" as const],
  ])("%s is waited for", async (_, interruption) => {
    deliver(6);
    let asked = 0;
    server.interrupt = () => ((asked += 1) % 2 === 0 ? interruption : undefined);
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 6, gaps: [] }] });
  });

  test("a message that cannot be had is named, and the others are exported; the next run tries it again", async () => {
    const [bad = ""] = deliver(4);
    const blob = String(server.objects("Email").get(bad)?.["blobId"]);
    server.interrupt = (path) => (path.includes(blob) ? { status: 500 } : undefined);
    expect(await runExport()).toMatchObject({
      accounts: [{ outcome: "exported", messages: 3, gaps: [{ what: bad, why: "download: HTTP 500" }] }],
    });
    server.interrupt = () => undefined;
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 4, downloaded: 1, gaps: [] }] });
  });

  test("a kind of objects that breaks the server is a gap; mail and the other kinds are exported", async () => {
    deliver(2);
    server.interrupt = (_, methods) => (methods.includes("VacationResponse/get") ? "before" : undefined);
    const report = await runExport();
    expect(report).toMatchObject({ accounts: [{ outcome: "exported", messages: 2, gaps: [{ what: "vacation" }] }] });
    expect(report.accounts[0]?.gaps).toHaveLength(1);
  });

  test("when the time is over what was brought is kept", async () => {
    deliver(40);
    const end = new AbortController();
    const first = await runExport({ signal: end.signal, onProgress: (_, done) => done === 10 && end.abort() });
    expect(first).toMatchObject({ isTimeOver: true, accounts: [{ outcome: "kept" }] });
    const before = downloads();
    expect(await runExport()).toMatchObject({ accounts: [{ messages: 40 }] });
    expect(before + downloads()).toBe(40);
  });

  test("an account that is suddenly empty is kept until somebody says that this is right", async () => {
    const ids = deliver(30);
    await runExport();
    for (const id of ids) server.remove("Email", id);
    const report = await runExport();
    expect(report).toMatchObject({ accounts: [{ outcome: "kept", messages: 30 }] });
    expect(report.accounts[0]?.gaps[0]?.why).toMatch(/--accept-loss/);
    expect(emailFiles()).toHaveLength(30);
    expect(await runExport({ acceptsLoss: true })).toMatchObject({ accounts: [{ outcome: "exported", messages: 0 }] });
  });
});

describe("import", () => {
  let target: FakeJmap;

  beforeEach(async () => {
    target = await fakeJmap();
  });

  afterEach(() => target.close());

  const stored = () =>
    [...target.objects("Email").values()]
      .map((email) => `${String(email["blobId"])} ${Object.keys(email["mailboxIds"] as object).join()}`)
      .sort();

  test("the same content in two mailboxes as two e-mails stays two, and a second import makes none", async () => {
    server.objects("Mailbox").set("a", { id: "a", name: "A", parentId: null });
    deliver(3);
    deliver(3, ["a"]);
    await runExport();
    expect(await runImport(target, true)).toMatchObject({ accounts: [{ messages: { imported: 6 } }] });
    expect(stored()).toEqual([]);
    expect(await runImport(target)).toMatchObject({ accounts: [{ messages: { imported: 6, there: 0 }, gaps: [] }] });
    const before = stored();
    expect(before).toHaveLength(6);
    expect(await runImport(target)).toMatchObject({ accounts: [{ messages: { imported: 0, there: 6 } }] });
    rmSync(join(folder.path, "journal"), { recursive: true });
    expect(await runImport(target)).toMatchObject({ accounts: [{ messages: { imported: 0, there: 6 } }] });
    expect(stored()).toEqual(before);
  });

  test("a server that never says what has changed gets everything once, too", async () => {
    deliver(3);
    await runExport();
    target.keepNoChanges();
    for (const messages of [
      { imported: 3, there: 0 },
      { imported: 0, there: 3 },
    ])
      expect(await runImport(target)).toMatchObject({ accounts: [{ messages, gaps: [] }] });
    expect(stored()).toHaveLength(3);
  });

  test("an import whose answer is lost is not made again", async () => {
    deliver(60);
    await runExport();
    let imports = 0;
    target.interrupt = (_, methods) => (methods.includes("Email/import") && (imports += 1) === 1 ? "cut" : undefined);
    expect(await runImport(target)).toMatchObject({ accounts: [{ gaps: [] }] });
    expect(stored()).toHaveLength(60);
  });

  test("a request of a killed run that arrives late doubles nothing", async () => {
    deliver(5);
    await runExport();
    let isLate = false;
    target.interrupt = (_, methods) => {
      // After the new run has listed what is there, and before its own import.
      if (methods.includes("Email/import") && !isLate) {
        isLate = true;
        for (let index = 0; index < 5; index += 1) target.deliver(message(`${index}`));
      }
      return undefined;
    };
    expect(await runImport(target)).toMatchObject({ accounts: [{ messages: { imported: 0, there: 5 }, gaps: [] }] });
    expect(stored()).toHaveLength(5);
  });

  test("another message of the same size and second is no reason to leave one out", async () => {
    deliver(1);
    await runExport();
    target.deliver(message("9"));
    expect(await runImport(target)).toMatchObject({ accounts: [{ messages: { imported: 1, there: 0 } }] });
    expect(stored()).toHaveLength(2);
  });

  test("identities, vacation, contacts and calendars come back, once", async () => {
    const fill: readonly [type: string, object: Record<string, unknown>][] = [
      ["Identity", { id: "i1", email: "me@example.org", name: "Me", textSignature: "-- me" }],
      ["VacationResponse", { id: "singleton", isEnabled: true, subject: "away", textBody: "later" }],
      ["AddressBook", { id: "ab", name: "Friends" }],
      ["ContactCard", { id: "cc", uid: "u1", addressBookIds: { ab: true }, name: { full: "Ada" } }],
      ["Calendar", { id: "ca", name: "Work", color: "#ff0000" }],
      ["CalendarEvent", { id: "ev", uid: "u2", calendarIds: { ca: true }, title: "Lunch" }],
    ];
    for (const [type, object] of fill) server.objects(type).set(String(object["id"]), object);
    deliver(1);
    await runExport();
    expect(await runImport(target)).toMatchObject({ accounts: [{ gaps: [] }] });
    const again = await runImport(target);
    const objects = again.accounts[0]?.objects ?? {};
    for (const outcome of Object.values(objects)) expect(outcome).toMatchObject({ created: 0, updated: 0 });
    const [card] = target.objects("ContactCard").values();
    const [book] = target.objects("AddressBook").keys();
    expect(card).toMatchObject({ uid: "u1", name: { full: "Ada" }, addressBookIds: { [book ?? ""]: true } });
    expect([...target.objects("CalendarEvent").values()]).toMatchObject([{ uid: "u2", title: "Lunch" }]);
    expect(target.objects("VacationResponse").get("singleton")).toMatchObject({ isEnabled: true, textBody: "later" });
    expect([...target.objects("Identity").values()]).toMatchObject([{ textSignature: "-- me" }]);
  });

  test("flags and mailboxes that are missing are added, and nothing that a person has changed is taken back", async () => {
    server.deliver(message("there"), ["inbox"], { keywords: { $seen: true } });
    server.deliver(message("absent"), ["inbox"], { keywords: { $seen: true } });
    await runExport();
    target.deliver(message("there"), ["inbox"], { keywords: { $flagged: true } });
    await runImport(target);
    const emails = target.objects("Email");
    expect([...emails.values()].map(({ keywords }) => keywords)).toEqual([
      { $seen: true, $flagged: true },
      { $seen: true },
    ]);
    target.objects("Mailbox").set("other", { id: "other", name: "Other", parentId: null });
    for (const [id, email] of emails) emails.set(id, { ...email, keywords: {}, mailboxIds: { other: true } });
    const changed = [...emails.values()];
    target.log.length = 0;
    expect(await runImport(target)).toMatchObject({ accounts: [{ messages: { imported: 0, there: 2 } }] });
    expect([...emails.values()]).toEqual(changed);
    expect(target.log).not.toContain("GET download");
  });
});
