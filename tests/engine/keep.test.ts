import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { createTransport } from "nodemailer";

import { openSpool, spoolPlace } from "../../ops/spool/objects";
import { engineAtHand } from "../../sandbox/engine/find";
import { deliveryHeaders } from "../../worker/src/message";
import { fromDocs, words } from "../docs";
import { ENGINE_TIMEOUT_MS } from "./lab";

/** `npm run sandbox -- --keep` as a person runs it: from outside, until Ctrl-C. On the engine, or without one on the mocks. */

const TO = "root@augustin.ai";
const SECOND_MS = 1_000;
/** The clock strikes every 30 s. */
const CLOCK_MS = 60 * SECOND_MS;
const END_MS = 20 * SECOND_MS;
const POLL_MS = 100;
/** As its usage says. */
const INTERRUPTED = 130;

let sandbox: ChildProcess;
let output = "";

beforeAll(() => {
  const told = words(fromDocs("README.md", "npm run sandbox -- --keep")).slice(4);
  const options = [...told, ...(engineAtHand() ? [] : ["--without-engine"])];
  // Not npm: a signal to it would reach the sandbox twice, or not at all.
  sandbox = spawn(process.execPath, ["--import", "tsx", join("sandbox", "main.ts"), ...options], {
    cwd: join(__dirname, "..", ".."),
    stdio: ["ignore", "pipe", "inherit"],
  });
  sandbox.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
});

afterAll(() => {
  if (sandbox.exitCode === null) sandbox.kill("SIGKILL");
});

async function until<T>(what: string, budgetMs: number, look: () => T | undefined): Promise<T> {
  for (const end = Date.now() + budgetMs; ; await sleep(POLL_MS)) {
    const found = look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${budgetMs} ms. The sandbox said:\n${output}`);
  }
}

/** What the sandbox says under "Running". */
function said(pattern: RegExp): string {
  const found = pattern.exec(output)?.[1];
  if (found === undefined) throw new Error(`the sandbox does not say ${String(pattern)}:\n${output}`);
  return found;
}

/** The files of the mailbox in which the text is. */
function filesWith(folder: string, text: string): readonly string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name), "latin1").includes(text));
}

/** All processes below that one. */
function descendants(of: number): readonly number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name): [number, number][] => {
      const status = readStatus(Number(name));
      return status === undefined ? [] : [[Number(name), Number(/^PPid:\s*(\d+)/m.exec(status)?.[1])]];
    });
  const below = (pid: number): number[] =>
    parents.filter(([, parent]) => parent === pid).flatMap(([child]) => [child, ...below(child)]);
  return below(of);
}

function isRunning(pid: number): boolean {
  const status = readStatus(pid);
  return status !== undefined && !/^State:\s*[ZX]/m.test(status);
}

/** Undefined when there is no such process. */
function readStatus(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return undefined;
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

test(
  "takes mail by SMTP, drains its spool by its own clock, and ends at Ctrl-C without leaving anything behind",
  async () => {
    await until("the sandbox runs", ENGINE_TIMEOUT_MS, () => /Ctrl-C ends it/.exec(output) ?? undefined);
    const port = Number(said(/swaks --server 127\.0\.0\.1:(\d+)/));
    const folder = said(/^ {2}ls (.*)$/m);

    const transport = createTransport({ host: "127.0.0.1", port, ignoreTLS: true, name: "sender.example" });
    await transport.sendMail({ from: "zoe@sender.example", to: TO, subject: "By SMTP", text: "kept running" });
    transport.close();
    expect(filesWith(folder, "Subject: By SMTP")).toHaveLength(1);

    // As an operator puts a message back, see docs; nobody here tells the clock to strike.
    const environment = {
      CLOUDFLARE_BASE_URL: said(/CLOUDFLARE_BASE_URL=(\S+)/),
      CLOUDFLARE_API_TOKEN: said(/CLOUDFLARE_API_TOKEN=(\S+)/),
      CLOUDFLARE_ACCOUNT_ID: said(/CLOUDFLARE_ACCOUNT_ID=(\S+)/),
    };
    const raw = "Subject: From the spool\r\nMessage-ID: <kept@sender.example>\r\n\r\nbody\r\n";
    const bytes = Buffer.concat([deliveryHeaders("zoe@sender.example", TO), Buffer.from(raw)]);
    const objects = openSpool(spoolPlace("prod", environment), environment);
    await objects.put(`spool/${new Date().toISOString()}-0123abcd.eml`, bytes);
    await until("the clock strikes", CLOCK_MS, () => filesWith(folder, "Subject: From the spool")[0]);
    expect(filesWith(folder, "Subject: From the spool")).toHaveLength(1);
    expect(await objects.list("spool/")).toEqual([]);

    const children = descendants(sandbox.pid ?? 0);
    expect(children.length).toBeGreaterThan(0);
    const ended = new Promise<number | null>((resolve) => sandbox.once("exit", (code) => resolve(code)));
    sandbox.kill("SIGINT");
    expect(await Promise.race([ended, sleep(END_MS, "still running")])).toBe(INTERRUPTED);
    await until("its children are gone", END_MS, () => (children.some(isRunning) ? undefined : true));
    expect(existsSync(folder)).toBe(false);
    expect(await isListening(port)).toBe(false);
  },
  ENGINE_TIMEOUT_MS + CLOCK_MS + END_MS,
);
