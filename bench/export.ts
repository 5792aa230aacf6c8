/**
 * `npm run bench:export`: `onhost export` beside mbsync (Debian's isync), in one run, by turns, from the same Cyrus:
 * one account and two, each with the same 5,000 messages, every contender in one process. Once on loopback, and once with
 * the server 20 ms away, as from a laptop. Both write to the same disk and make what they wrote last (mbsync's default
 * FSync; a line without it shows what that costs). Times are of the whole command: starting Node is in ours, and is also
 * given alone. mbsync refuses mailboxes whose name has a `..` in it, and ends at long ones, so that the odd mailboxes of
 * the judge are not all here.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleOnhost } from "../infra/host/onhost";
import { temporaryFolder } from "../sandbox/temporary";
import { CYRUS_INSTALL, CYRUS_MASTER, OTHER, PASSWORD, ROOT } from "../tests/judges/cyrus/server";
import { fill, messages, ODD_MAILBOXES } from "../tests/judges/export/fill";
import { startInMemory } from "../tests/judges/export/in-memory";
import { BulkImap } from "../tests/judges/export/imap-bulk";
import { MBSYNC, mbsync, ours, seconds, type Contender, type Ports } from "./export/contenders";
import { distanceTo } from "./export/distance";

const MESSAGES = 5_000;
const FIRST_ROUNDS = 2;
const UNCHANGED_ROUNDS = 7;
const LONGEST_NAME = 40;
const ROUND_TRIP_MS = 20;

/** Goals. */
const MIN_FIRST_SPEED_UP = 1;
const MIN_UNCHANGED_SPEED_UP = 10;

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
    await fillAccounts(cyrus);
    const program = join(folder.path, "onhost.cjs");
    writeFileSync(program, bundleOnhost());
    await measureAll(folder.path, program, cyrus);
  } finally {
    await cyrus.close();
    folder.remove();
  }
}

async function fillAccounts({ imapPort }: Ports): Promise<void> {
  const names = ODD_MAILBOXES.filter((name) => !name.includes("..") && name.length < LONGEST_NAME);
  for (const [index, user] of [ROOT, OTHER].entries()) {
    const connect = () => BulkImap.login(imapPort, user, PASSWORD);
    await fill(connect, "INBOX/", messages(MESSAGES, 1 + index), names);
    if (user === ROOT) continue;
    const client = await connect();
    for (const name of await client.list()) await client.share(name, ROOT);
    await client.close();
  }
}

async function measureAll(folder: string, program: string, near: Ports): Promise<void> {
  const [imap, jmap] = [await distanceTo(near.imapPort, ROUND_TRIP_MS), await distanceTo(near.jmapPort, ROUND_TRIP_MS)];
  const far = { imapPort: imap.port, jmapPort: jmap.port };
  try {
    console.log(`\nExport from Cyrus, ${MESSAGES} messages in each account: median (least) of whole commands\n`);
    for (const accounts of [[ROOT], [ROOT, OTHER]]) {
      const at = (ports: Ports): readonly [Contender, ...Contender[]] => [
        ours(folder, program, ports, accounts),
        mbsync(folder, ports, accounts, true),
        mbsync(folder, ports, accounts, false),
      ];
      const first = await byTurns(at(near), FIRST_ROUNDS, (contender) => {
        rmSync(contender.made, { recursive: true, force: true });
        for (const index of accounts.keys()) mkdirSync(join(contender.made, `a${index}`), { recursive: true });
      });
      const node: Contender = { name: "(node -e 0)", program: process.execPath, args: ["-e", "0"], made: "" };
      const unchanged = await byTurns([...at(near), node], UNCHANGED_ROUNDS);
      tell(`first run, ${accounts.length} account(s), loopback`, first, MIN_FIRST_SPEED_UP);
      tell(`no changes, ${accounts.length} account(s), loopback`, unchanged, MIN_UNCHANGED_SPEED_UP);
      const away = await byTurns([...at(far), node], UNCHANGED_ROUNDS);
      tell(`no changes, ${accounts.length} account(s), ${ROUND_TRIP_MS} ms away`, away, MIN_UNCHANGED_SPEED_UP);
    }
  } finally {
    await imap.close();
    await jmap.close();
  }
}

async function byTurns(
  contenders: readonly Contender[],
  rounds: number,
  prepare: (contender: Contender) => void = () => undefined,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round += 1)
    for (const contender of contenders) {
      prepare(contender);
      times.set(contender.name, [...(times.get(contender.name) ?? []), await seconds(contender)]);
    }
  return times;
}

function tell(title: string, times: ReadonlyMap<string, readonly number[]>, goal: number): void {
  console.log(title);
  for (const [name, values] of times)
    console.log(
      `  ${name.padEnd(24)}${median(values).toFixed(3).padStart(8)} s  (${Math.min(...values).toFixed(3)} s)`,
    );
  const [mine = [], theirs = []] = [...times.values()];
  const factor = median(theirs) / median(mine);
  const missed = factor < goal ? ": missed" : "";
  console.log(`  ${factor.toFixed(1)} times as fast as mbsync, goal ${goal}${missed}\n`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

void main();
