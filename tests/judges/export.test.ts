/**
 * Export and import of a whole account at a server that nobody here wrote, read back over another protocol. What Cyrus
 * 3.6 does differently from Stalwart 0.16, and the exporter and importer must therefore not assume:
 *
 * - Email/import knows no `ifInState`, and answers `alreadyExists` to bytes that the account has;
 * - Email/changes since a state that has never been answers that nothing has changed;
 * - Identity has no set, Sieve and calendars have capabilities of their own; VacationResponse/get ends the connection,
 *   and is switched off here.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../sandbox/temporary";
import { fromDocs, words } from "../docs";
import { describeWith } from "../needs";
import { typed } from "../shell";
import { type Cyrus, CYRUS_INSTALL, CYRUS_MASTER, PASSWORD, ROOT } from "./cyrus/server";
import { jmap, type Login, mailboxTree, makeScript, scripts, type Snapshot, snapshot } from "./export/account";
import { type CountingProxy, countingProxy } from "./export/counting-proxy";
import { fill, messages, ODD_MAILBOXES, randomFrom } from "./export/fill";
import { BulkImap } from "./export/imap-bulk";
import { startInMemory } from "./export/in-memory";
import { installOnhost, type Ended, type Onhost } from "./export/program";

const MESSAGES = 5_000;
const COPIES = 40;
/** 20 in all: of a first export, of a later one, of an import. */
const KILLS = { first: 5, later: 5, import: 10 } as const;
/** Runs for each kill; one that ends before it is killed is none, and the next one finds all the work again. */
const TRIES = 10;
const NEW_MESSAGES = 400;
/** Messages in one request. */
const BATCH = 50;
const BUDGET_MS = 600_000;
/** Exit codes of `onhost export` and `import`. */
const [DONE, INCOMPLETE, DAMAGED] = [0, 5, 6];
const SCRIPTS = [
  ["first, with blanks", 'require ["fileinto"];\r\nif header :contains "subject" "x" { fileinto "INBOX"; }\r\n'],
  ["second", "keep;\n"],
] as const;

function loginAt({ imapPort, jmapPort }: Cyrus): Login {
  return { imapPort, jmapPort, user: ROOT, password: PASSWORD };
}

function connect({ imapPort }: Cyrus): Promise<BulkImap> {
  return BulkImap.login(imapPort, ROOT, PASSWORD);
}

/** With the account that its first login makes. */
async function emptyServer(): Promise<Cyrus> {
  const server = await startInMemory();
  await (await connect(server)).close();
  return server;
}

function manifestOf(folder: string): { readonly accounts: readonly { readonly files: Record<string, unknown> }[] } {
  return JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as ReturnType<typeof manifestOf>;
}

/** Names and hashes of everything in a folder, with modes. */
function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

describeWith(CYRUS_MASTER, CYRUS_INSTALL)("export and import at Cyrus", () => {
  const folder = temporaryFolder();
  const random = randomFrom(Number(process.env["MAIL_STACK_SEED"] ?? Date.now() % 1_000_000));
  const place = (name: string) => join(folder.path, name);
  const passwordFile = place("password");
  let onhost: Onhost;
  let cyrus: Cyrus;
  let proxy: CountingProxy;
  let before: Snapshot;
  let exportMs = 0;

  const at = (url: string) => ["--url", url, "--user", ROOT, "--password-file", passwordFile, "--json"];
  const exportTo = (name: string, killAfterMs?: number, ...options: string[]) =>
    onhost.run(["export", place(name), ...at(proxy.url), ...options], killAfterMs);
  const importFrom = (name: string, server: Cyrus, killAfterMs?: number, ...options: string[]) =>
    onhost.run(
      [
        ...told(fromDocs("docs/backup-format.md", "onhost import FOLDER"), name),
        ...at(`http://127.0.0.1:${server.jmapPort}`),
        ...options,
      ],
      killAfterMs,
    );

  /** The arguments of a command of the page. */
  const told = (command: string, name: string) => words(command.replace("FOLDER", place(name))).slice(1);

  /** The program's own report; the exit code is part of what is expected. */
  function report(ended: Ended, code = DONE): Record<string, unknown> {
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code, stderr: "" });
    return JSON.parse(ended.stdout) as Record<string, unknown>;
  }

  /** A copy of an export in the place of what is there, links included: Node's own copy makes two files of a link. */
  function copy(from: string, to: string): void {
    rmSync(place(to), { recursive: true, force: true });
    execFileSync("cp", ["-a", place(from), place(to)]);
  }

  async function checked(name: string): Promise<Record<string, unknown>> {
    const check = told(fromDocs("docs/backup-format.md", "onhost export --check FOLDER"), name);
    return report(await onhost.run([...check, "--json"]));
  }

  beforeAll(async () => {
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    onhost = installOnhost(folder.path);
    cyrus = await startInMemory();
    await fill(() => connect(cyrus), "INBOX/", messages(MESSAGES));
    for (const [name, content] of SCRIPTS) await makeScript(loginAt(cyrus), name, content, name === "second");
    const calendar = { calendarIds: { Default: true }, "@type": "Event", title: "Lunch", uid: "u-1" };
    await jmap(loginAt(cyrus), [
      ["Calendar/get", { accountId: ROOT, ids: null }, "0"],
      [
        "CalendarEvent/set",
        {
          accountId: ROOT,
          create: { e: { ...calendar, start: "2026-01-02T12:00:00", timeZone: "Europe/Berlin", duration: "PT1H" } },
        },
        "1",
      ],
    ]);
    proxy = await countingProxy(cyrus.jmapPort);
    before = await snapshot(loginAt(cyrus));
  }, BUDGET_MS);

  afterAll(async () => {
    await proxy.close();
    await cyrus.close();
    folder.remove();
  }, BUDGET_MS);

  test(
    "an export holds every message once for each mailbox, in folders that a person can read",
    async () => {
      const ended = await exportTo("good");
      exportMs = ended.ms;
      expect(report(ended)).toMatchObject({ accounts: [{ account: ROOT, messages: MESSAGES, downloaded: MESSAGES }] });
      expect(await checked("good")).toMatchObject({ messages: MESSAGES, damages: [], gaps: 0 });
      const files = filesIn(place("good")).filter((file) => file.endsWith(".eml"));
      expect(files).toHaveLength(MESSAGES + COPIES);
      expect(files.filter((file) => statSync(file).nlink > 1)).toHaveLength(2 * COPIES);
      expect([...new Set(files.map((file) => statSync(file).mode & 0o777))]).toEqual([0o600]);
      const some = Object.values(before.mailboxes).flat();
      // The hash is in the name, so what IMAP shows can be found.
      const hashes = new Set(files.map((file) => file.slice(-68, -4)));
      expect(some.filter((line) => !hashes.has(line.slice(0, 64)))).toEqual([]);
      const missing = ODD_MAILBOXES.filter(
        (name) => (before.mailboxes[`INBOX/${name.normalize("NFC")}`] ?? []).length === 0,
      );
      expect(missing).toEqual([]);
    },
    BUDGET_MS,
  );

  test(
    "a second export moves no message",
    async () => {
      const files = filesIn(place("good"));
      proxy.reset();
      expect(report(await exportTo("good"))).toMatchObject({ accounts: [{ downloaded: 0 }] });
      expect(proxy.counts).toMatchObject({ uploads: 0 });
      // Scripts are no messages; their blobs are not fetched again either.
      expect(proxy.counts.downloads).toBeLessThanOrEqual(SCRIPTS.length);
      expect(proxy.counts.requests).toBeLessThan(20);
      expect(proxy.counts.bytesToClient).toBeLessThan(50_000);
      expect(filesIn(place("good"))).toEqual(files);
    },
    BUDGET_MS,
  );

  test(
    "a flag, a subscription and a mailbox's name are exported when nothing else has changed",
    async () => {
      const [, odd] = ODD_MAILBOXES;
      const [name, other] = [`INBOX/${odd}`, "INBOX/Renamed"];
      const client = await connect(cyrus);
      const lists = async () => {
        expect(report(await exportTo("good"))).toMatchObject({ accounts: [{ downloaded: 0, gaps: [] }] });
        return manifestOf(place("good")).accounts[0]?.files;
      };
      const start = await lists();
      const steps: readonly [kind: string, change: () => Promise<void>, back: () => Promise<void>][] = [
        ["emails", () => client.flag(name, "+FLAGS", "$judge"), () => client.flag(name, "-FLAGS", "$judge")],
        ["mailboxes", () => client.subscribe(name), () => client.unsubscribe(name)],
        ["mailboxes", () => client.rename(name, other), () => client.rename(other, name)],
      ];
      for (const [kind, change, back] of steps) {
        await change();
        const changed = await lists();
        expect(changed?.[kind]).not.toEqual(start?.[kind]);
        expect({ ...changed, [kind]: undefined }).toEqual({ ...start, [kind]: undefined });
        await back();
        expect(await lists()).toEqual(start);
      }
      await client.close();
    },
    BUDGET_MS,
  );

  test(
    "an export whose state is of another time lists everything, and moves no message",
    async () => {
      const manifest = join(place("good"), "manifest.json");
      const content = readFileSync(manifest, "utf8");
      writeFileSync(manifest, content.replace(/"Email": "\d+"/, '"Email": "999999"'));
      // Cyrus says that nothing has changed since 999999; one message more tells that this is not so.
      const client = await connect(cyrus);
      const [extra] = messages(1, 77);
      if (extra === undefined) throw new Error("no message");
      await client.append("INBOX", extra);
      proxy.reset();
      expect(report(await exportTo("good"))).toMatchObject({ accounts: [{ messages: MESSAGES + 1, downloaded: 1 }] });
      expect(proxy.counts.downloads).toBeLessThanOrEqual(1 + SCRIPTS.length);
      await client.expunge("INBOX", [extra]);
      await client.close();
      expect(report(await exportTo("good"))).toMatchObject({ accounts: [{ messages: MESSAGES, downloaded: 0 }] });
      const full = words(fromDocs("docs/backup-format.md", "onhost export --full")).slice(2);
      expect(report(await exportTo("good", undefined, ...full))).toMatchObject({
        accounts: [{ messages: MESSAGES, downloaded: 0 }],
      });
      const compare = told(fromDocs("docs/backup-format.md", "onhost compare FOLDER"), "good");
      expect((await onhost.run([...compare, ...at(proxy.url)])).code).toBe(DONE);
      const search = fromDocs("docs/backup-format.md", 'grep -r -l "invoice" accounts/*/mail').replace(
        "invoice",
        "Subject",
      );
      const { stdout: found } = await typed(search, { cwd: place("good") });
      expect(found.trim().split("\n").length).toBeGreaterThan(MESSAGES / 2);
    },
    BUDGET_MS,
  );

  test(
    "a first export that is killed at random points goes on where it was",
    async () => {
      let kills = 0;
      proxy.reset();
      for (let run = 0; kills < KILLS.first && run < KILLS.first * TRIES; run += 1) {
        if ((await exportTo("killed", exportMs * 0.25 * random())).code === undefined) kills += 1;
        else {
          rmSync(place("killed"), { recursive: true });
          proxy.reset();
        }
      }
      expect(report(await exportTo("killed"))).toMatchObject({ accounts: [{ messages: MESSAGES }] });
      const { downloads } = proxy.counts;
      expect(kills).toBe(KILLS.first);
      // What each kill cut off is at most what was under way: four requests.
      expect(downloads).toBeLessThan(MESSAGES + KILLS.first * (4 * BATCH + SCRIPTS.length) + SCRIPTS.length + 1);
      expect(await checked("killed")).toMatchObject({ messages: MESSAGES, damages: [] });
      const names = (name: string) =>
        filesIn(place(name))
          .filter((file) => file.endsWith(".eml"))
          .map((file) => file.replace(place(name), ""));
      expect(names("killed")).toEqual(names("good"));
    },
    BUDGET_MS,
  );

  test(
    "a later export that is killed leaves the last one whole, at every point",
    async () => {
      const client = await connect(cyrus);
      const added = messages(NEW_MESSAGES, 99);
      copy("killed", "earlier");
      copy("killed", "measured");
      try {
        for (const message of added) await client.append("INBOX/Work/2025", message);
        const whole = await exportTo("measured");
        expect(report(whole)).toMatchObject({ accounts: [{ downloaded: NEW_MESSAGES }] });
        let kills = 0;
        for (let run = 0; run < KILLS.later * TRIES && kills < KILLS.later; run += 1) {
          const ended = await exportTo("killed", whole.ms * (0.2 + 0.8 * random()));
          const { messages: count } = (await checked("killed")) as { messages: number };
          expect([MESSAGES, MESSAGES + NEW_MESSAGES]).toContain(count);
          if (ended.code === undefined) kills += 1;
          else copy("earlier", "killed");
        }
        expect(kills).toBe(KILLS.later);
        report(await exportTo("killed"));
        expect(await checked("killed")).toMatchObject({ messages: MESSAGES + NEW_MESSAGES });
      } finally {
        await client.expunge("INBOX/Work/2025", added);
        await client.close();
      }
      // Deleted messages leave the export; history is the backup's.
      report(await exportTo("killed"));
      expect(await checked("killed")).toMatchObject({ messages: MESSAGES });
      const leftovers = filesIn(place("killed")).filter((file) => /incoming|\.part$|\.tmp$/.test(file));
      expect(leftovers).toEqual([]);
    },
    BUDGET_MS,
  );

  test(
    "damage is found, and repaired from the server",
    async () => {
      const [first, second] = filesIn(place("killed")).filter(
        (file) => file.endsWith(".eml") && statSync(file).nlink === 1,
      );
      if (first === undefined || second === undefined) throw new Error("no files");
      rmSync(first);
      writeFileSync(second, "spoilt");
      const check = await onhost.run(["export", "--check", place("killed"), "--json"]);
      expect(check.code).toBe(DAMAGED);
      expect(JSON.parse(check.stdout)).toMatchObject({
        damages: expect.arrayContaining([
          { account: ROOT, file: first.slice(place("killed").length + 1), what: "missing" },
        ]) as unknown,
      });
      expect(report(await exportTo("killed", undefined, "--repair"))).toMatchObject({ accounts: [{ downloaded: 2 }] });
      expect(await checked("killed")).toMatchObject({ damages: [] });
    },
    BUDGET_MS,
  );

  test(
    "an import into an empty server, killed at random points, brings everything back and nothing twice",
    async () => {
      let other = await emptyServer();
      try {
        const dryRun = told(fromDocs("docs/backup-format.md", "onhost import FOLDER --dry-run"), "good").slice(2);
        const dry = await importFrom("good", other, undefined, ...dryRun);
        expect(JSON.parse(dry.stdout)).toMatchObject({ accounts: [{ messages: { imported: MESSAGES } }] });
        expect(Object.values((await snapshot(loginAt(other))).mailboxes).flat()).toEqual([]);

        let kills = 0;
        for (let run = 0; kills < KILLS.import && run < KILLS.import * TRIES; run += 1) {
          if ((await importFrom("good", other, 200 + exportMs * 0.4 * random())).code === undefined) kills += 1;
          else {
            await other.close();
            rmSync(`${place("good")}-import`, { recursive: true });
            other = await emptyServer();
          }
        }
        const last = await importFrom("good", other);
        expect(report(last)).toMatchObject({ accounts: [{ messages: { total: MESSAGES }, gaps: [] }] });
        expect(kills).toBe(KILLS.import);

        expect(await snapshot(loginAt(other))).toEqual(before);
        expect(await scripts(loginAt(other))).toEqual(await scripts(loginAt(cyrus)));
        expect(await mailboxTree(loginAt(other))).toEqual(await mailboxTree(loginAt(cyrus)));

        const again = JSON.parse((await importFrom("good", other)).stdout) as object;
        expect(again).toMatchObject({ accounts: [{ messages: { imported: 0, there: MESSAGES } }] });
        rmSync(`${place("good")}-import`, { recursive: true });
        const unknowing = JSON.parse((await importFrom("good", other)).stdout) as object;
        expect(unknowing).toMatchObject({ accounts: [{ messages: { imported: 0, there: MESSAGES } }] });
        expect(await snapshot(loginAt(other))).toEqual(before);
      } finally {
        await other.close();
      }
    },
    BUDGET_MS,
  );

  test(
    "an account that has lost its mail is not exported over its last export",
    async () => {
      const empty = await emptyServer();
      const emptyProxy = await countingProxy(empty.jmapPort);
      try {
        const ended = await onhost.run(["export", place("good"), ...at(emptyProxy.url)]);
        expect(ended.code).toBe(INCOMPLETE);
        expect(JSON.parse(ended.stdout)).toMatchObject({ accounts: [{ outcome: "kept", messages: MESSAGES }] });
        expect(await checked("good")).toMatchObject({ messages: MESSAGES, damages: [] });
        const accepted = await onhost.run(["export", place("good"), ...at(emptyProxy.url), "--accept-loss"]);
        expect(report(accepted)).toMatchObject({ accounts: [{ outcome: "exported", messages: 0 }] });
        expect(filesIn(place("good")).filter((file) => file.endsWith(".eml"))).toEqual([]);
      } finally {
        await emptyProxy.close();
        await empty.close();
      }
    },
    BUDGET_MS,
  );
});
