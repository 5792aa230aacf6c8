import type { BulkImap, ImapMessage } from "./imap-bulk";

/** What Cyrus 3.6 takes of what people and programs call mailboxes; `/` parts the levels. */
export const ODD_MAILBOXES = [
  "Work",
  "WORK",
  "work",
  "..",
  ".hidden..",
  " leading and trailing ",
  "CON",
  "nul.txt",
  "2026.eml",
  "name~0123abcd",
  "e\u0301",
  "Größe & Maß",
  "日本語",
  "😀 party",
  "a+b=c, (d) e_f@g",
  "é".repeat(80),
  "Work/2025",
  "Work/2025/Invoices",
  "Work/2025/Invoices/..",
  "Work/2025/Invoices/../deep",
  "日本語/😀/é/ñ",
] as const;

const KEYWORDS = ["$Forwarded", "$MDNSent", "project-x", "NonJunk"] as const;
const FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft"] as const;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const MAX_BODY = 3_000;
const CONNECTIONS = 4;

/** The same numbers in every run. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function messages(count: number, seed = 1): readonly ImapMessage[] {
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  return Array.from({ length: count }, (_, index) => {
    const day = String(1 + below(28)).padStart(2, " ");
    const clock = [below(24), below(60), below(60)].map((part) => String(part).padStart(2, "0")).join(":");
    const body = index % 7 === 0 ? Buffer.from(`Grüße ${index} \xff\r\n.\r\nFrom here\r\n`, "latin1") : Buffer.alloc(0);
    const text = "0123456789 abcdefghijklmnopqrstuvwxyz\r\n".repeat(1 + below(MAX_BODY / 38));
    return {
      raw: Buffer.concat([
        Buffer.from(
          `From: a${index % 50}@remote.example\r\nTo: root@example.org\r\nSubject: =?utf-8?q?Nachricht_${index}?=\r\n` +
            `Message-ID: <${seed}.${index}@remote.example>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n`,
        ),
        body,
        Buffer.from(text),
      ]),
      flags: [...FLAGS, ...KEYWORDS].filter(() => random() < 0.25),
      internalDate: `${day}-${MONTHS[below(12)] ?? ""}-${2010 + below(16)} ${clock} +0000`,
    };
  });
}

/**
 * Fills an account: the odd mailboxes and INBOX get the messages by turns, every hundredth is in a second mailbox too.
 * `connect` logs in.
 */
export async function fill(
  connect: () => Promise<BulkImap>,
  root: string,
  list: readonly ImapMessage[],
  mailboxes: readonly string[] = ODD_MAILBOXES,
): Promise<void> {
  const names = ["INBOX", ...mailboxes.map((name) => `${root}${name}`)];
  const first = await connect();
  for (const [index, name] of names.slice(1).entries()) {
    await first.create(name);
    if (index % 2 === 0) await first.subscribe(name);
  }
  await first.close();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, connection) => {
      const client = await connect();
      for (let box = connection; box < names.length; box += CONNECTIONS)
        for (let index = box; index < list.length; index += names.length) {
          const [name, message] = [names[box], list[index]];
          if (name !== undefined && message !== undefined) await client.append(name, message);
        }
      await client.close();
    }),
  );
  const last = await connect();
  // 1:* of each hundredth of a mailbox would be more than the point needs.
  await last.copy("INBOX", "1:20", `${root}Work`);
  await last.copy(`${root}日本語`, "1:20", `${root}WORK`);
  await last.close();
}
