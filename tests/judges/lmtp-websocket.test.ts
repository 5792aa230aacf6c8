/** The whole way of a message over LMTP: workerd, the WebSocket relay that stands for cloudflared, a foreign server. */
import { startTcpRelay } from "../../sandbox/edge/tcp-relay";
import type { TcpRelay } from "../../sandbox/edge/tcp-relay";
import { describeWith } from "../needs";
import { startLmtpWorker } from "../worker/lmtp-workerd";
import type { LmtpWorker } from "../worker/lmtp-workerd";
import { CYRUS_INSTALL, CYRUS_MASTER } from "./cyrus/server";
import { startCyrusJudge } from "./lmtp/cyrus";
import { DOVECOT_INSTALL, DOVECOT_LMTP, startDovecot } from "./lmtp/dovecot";
import type { Judge } from "./lmtp/judge";

const MIB = 1024 * 1024;
const BUDGET_MS = 60_000;
const KEEP = "keep;\r\n";

describe.each<[name: string, program: string, install: string, start: () => Promise<Judge>]>([
  ["Cyrus", CYRUS_MASTER, CYRUS_INSTALL, () => startCyrusJudge(KEEP)],
  ["Dovecot", DOVECOT_LMTP, DOVECOT_INSTALL, () => startDovecot(KEEP)],
])("%s", (_, program, install, start) => {
  describeWith(program, install)("behind a tunnel", () => {
    let judge: Judge;
    let relay: TcpRelay;
    let worker: LmtpWorker;

    beforeAll(async () => {
      judge = await start();
      relay = await startTcpRelay({ target: () => judge.lmtpPort });
      worker = await startLmtpWorker();
    }, BUDGET_MS);

    afterAll(async () => {
      await worker.close();
      await relay.close();
      await judge.close();
    });

    test.each([
      ["20 KiB", 20 * 1024],
      ["1 MiB", MIB],
      ["24.9 MiB", Math.floor(24.9 * MIB)],
    ])(
      "%s is in the mailbox once, byte for byte",
      async (name, size) => {
        const id = `Message-ID: <${name.replace(" ", "-")}@remote.example>\r\n`;
        const head = `${id}From: a@remote.example\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n`;
        const body = Buffer.alloc(size, `${"0123456789".repeat(7)}\xff\r\n.\r\n`, "latin1").fill("\r\n", size - 2);
        const message = Buffer.concat([Buffer.from(head), body]);
        expect(await worker.send(relay.port, message)).toEqual({ kind: "delivered" });
        const found = (await judge.read("INBOX")).filter((stored) => stored.includes(id));
        expect(found.map((stored) => stored.subarray(stored.indexOf(id)).equals(message))).toEqual([true]);
        expect(relay.dropped()).toBe(0);
      },
      BUDGET_MS,
    );
  });
});
