/**
 * `npm run bench`, third part: `onhost export` beside mbsync (Debian's isync), in one run, by turns, from the same Cyrus
 * with the same 5,000 messages. Both write to the same disk and make what they wrote last (mbsync's default FSync; a line
 * without it shows what that costs). Times are of the whole command: starting Node is in ours, and is also given alone,
 * because on an empty machine it is the larger part of a run without changes. mbsync refuses mailboxes whose name has a
 * `..` in it, and ends at long ones, so that the odd mailboxes of the judge are not all here.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleOnhost } from "../infra/host/onhost";
import { temporaryFolder } from "../sandbox/temporary";
import { CYRUS_INSTALL, CYRUS_MASTER, PASSWORD, ROOT } from "../tests/judges/cyrus/server";
import { fill, messages, ODD_MAILBOXES } from "../tests/judges/export/fill";
import { startInMemory } from "../tests/judges/export/in-memory";
import { BulkImap } from "../tests/judges/export/imap-bulk";

const MBSYNC = "/usr/bin/mbsync";
const MESSAGES = 5_000;
const FIRST_ROUNDS = 2;
const UNCHANGED_ROUNDS = 9;
const LONGEST_NAME = 40;

/** Goals. */
const MIN_FIRST_SPEED_UP = 1;
const MIN_UNCHANGED_SPEED_UP = 10;

interface Contender {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** What it has made, removed before a first run. */
  readonly made: string;
}

async function main(): Promise<void> {
  for (const [program, how] of [
    [CYRUS_MASTER, CYRUS_INSTALL],
    ["/usr/lib/cyrus/bin/imapd", CYRUS_INSTALL],
    [MBSYNC, "Run: apt-get install isync"],
  ] as const)
    if (!existsSync(program)) {
      console.log(`export: not measured, ${program} is not installed. ${how}`);
      process.exitCode = process.env["MAIL_STACK_REQUIRE_ALL"] === "1" ? 1 : 0;
      return;
    }
  const folder = temporaryFolder();
  const cyrus = await startInMemory();
  try {
    const names = ODD_MAILBOXES.filter((name) => !name.includes("..") && name.length < LONGEST_NAME);
    await fill(() => BulkImap.login(cyrus.imapPort, ROOT, PASSWORD), "INBOX/", messages(MESSAGES), names);
    measure(contenders(folder.path, cyrus.imapPort, cyrus.jmapPort));
  } finally {
    await cyrus.close();
    folder.remove();
  }
}

function contenders(folder: string, imapPort: number, jmapPort: number): readonly [Contender, Contender, Contender] {
  const program = join(folder, "onhost.mjs");
  const password = join(folder, "password");
  writeFileSync(program, bundleOnhost());
  writeFileSync(password, PASSWORD, { mode: 0o600 });
  const mbsync = (name: string, isDurable: boolean): Contender => {
    const made = join(folder, name.replaceAll(" ", "-"));
    const configuration = `${made}.rc`;
    writeFileSync(configuration, mbsyncConfiguration(made, imapPort, password, isDurable));
    return { name, program: MBSYNC, args: ["-q", "-c", configuration, "all"], made };
  };
  const made = join(folder, "export");
  const url = `http://127.0.0.1:${jmapPort}`;
  const args = [program, "export", made, "--url", url, "--user", ROOT, "--password-file", password];
  return [
    { name: "onhost export", program: process.execPath, args, made },
    mbsync("mbsync", true),
    mbsync("mbsync without FSync", false),
  ];
}

function mbsyncConfiguration(made: string, port: number, password: string, isDurable: boolean): string {
  return `${isDurable ? "" : "FSync no\n\n"}IMAPAccount cyrus
Host 127.0.0.1
Port ${port}
User ${ROOT}
PassCmd "cat ${password}"
SSLType None
AuthMechs LOGIN PLAIN

IMAPStore far
Account cyrus

MaildirStore near
Path ${made}/
Inbox ${made}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Remove Near
Expunge Near
Sync Pull
SyncState *
CopyArrivalDate yes
`;
}

function measure(all: readonly [Contender, Contender, Contender]): void {
  const [ours, theirs] = all;
  const first = new Map<Contender, number[]>();
  const unchanged = new Map<Contender, number[]>();
  for (let round = 0; round < FIRST_ROUNDS; round += 1)
    for (const contender of all) {
      rmSync(contender.made, { recursive: true, force: true });
      mkdirSync(contender.made);
      first.set(contender, [...(first.get(contender) ?? []), seconds(contender)]);
    }
  const starts: number[] = [];
  for (let round = 0; round < UNCHANGED_ROUNDS; round += 1) {
    for (const contender of all) unchanged.set(contender, [...(unchanged.get(contender) ?? []), seconds(contender)]);
    starts.push(seconds({ name: "Node", program: process.execPath, args: ["-e", "0"], made: "" }));
  }
  console.log(`\nExport of ${MESSAGES} messages from Cyrus (median of ${FIRST_ROUNDS} and ${UNCHANGED_ROUNDS} runs)\n`);
  console.log(`${"".padEnd(24)}${"first run".padStart(12)}${"no changes".padStart(14)}`);
  for (const contender of all) {
    const times = [median(first.get(contender)), median(unchanged.get(contender))] as const;
    console.log(
      `${contender.name.padEnd(24)}${`${times[0].toFixed(2)} s`.padStart(12)}${`${times[1].toFixed(3)} s`.padStart(14)}`,
    );
  }
  const start = median(starts);
  console.log(`${"(node -e 0)".padEnd(24)}${"".padStart(12)}${`${start.toFixed(3)} s`.padStart(14)}`);
  const firstFactor = median(first.get(theirs)) / median(first.get(ours));
  const factor = median(unchanged.get(theirs)) / median(unchanged.get(ours));
  const work = Math.max(0.001, median(unchanged.get(ours)) - start);
  console.log(`\nfirst run: ${firstFactor.toFixed(1)} times as fast as mbsync, goal ${MIN_FIRST_SPEED_UP}`);
  console.log(
    `no changes: ${factor.toFixed(1)} times as fast, ${(median(unchanged.get(theirs)) / work).toFixed(1)} times without ` +
      `the start of Node, goal ${MIN_UNCHANGED_SPEED_UP}`,
  );
  if (firstFactor < MIN_FIRST_SPEED_UP) console.log("The first run misses its goal.");
  if (factor < MIN_UNCHANGED_SPEED_UP) console.log("The run without changes misses its goal as a whole command.");
}

function seconds({ name, program, args }: Contender): number {
  const begin = performance.now();
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(`${name} ends with ${String(status)}: ${stderr.slice(0, 500)}`);
  return (performance.now() - begin) / 1_000;
}

function median(values: readonly number[] = []): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

void main();
