import { deliveryHeaders, fingerprint, messageKey } from "../../worker/src/message";
import { readMessage } from "../../worker/src/read";
import { newTrace, traceOf } from "../../worker/src/received";
import { streamOf } from "./model";

const RAW = Buffer.from("Message-ID: <1@x>\r\nSubject: x\r\n\r\nbody");
const HEAD = "Return-Path: <a@b>\r\nDelivered-To: me@example.org\r\nX-Original-To: me@example.org\r\n";

describe("headers", () => {
  test("of the envelope are in front, and the rest stays as it is", async () => {
    const { bytes, start } = await readMessage(deliveryHeaders("a@b", "me@example.org"), streamOf(RAW), RAW.length);
    expect(Buffer.from(bytes).toString()).toBe(HEAD + RAW.toString());
    expect(start).toBe(HEAD.length);
  });

  test("of a bounce", () => {
    expect(Buffer.from(deliveryHeaders("", "b@c")).toString()).toMatch(/^Return-Path: <>\r\n/);
  });

  test("nothing of an envelope begins another header", () => {
    const text = Buffer.from(deliveryHeaders("a@b\r\nBcc: x", "\0b@c\n\u2028\u0085\x7f")).toString();
    expect(text).toBe("Return-Path: <a@bBcc: x>\r\nDelivered-To: b@c\r\nX-Original-To: b@c\r\n");
  });
});

const HOP = {
  by: "example.org",
  trace: "0123456789abcdef0123456789abcdef",
  receivedAt: Date.UTC(2026, 10, 22, 16, 0, 0, 123),
};

describe("the Received field of this hop", () => {
  test("is the last one in front, and its trace is read back", () => {
    const bytes = deliveryHeaders("a@b", "me@example.org", HOP);
    expect(Buffer.from(bytes).toString()).toBe(
      `${HEAD}Received: by example.org with HTTP id ${HOP.trace}; Sun, 22 Nov 2026 16:00:00 +0000\r\n`,
    );
    expect(traceOf({ bytes, start: bytes.byteLength })).toBe(HOP.trace);
  });

  test("a trace that the sender wrote is none", () => {
    const forged = `Received: by example.org with HTTP id ${HOP.trace}; x\r\n`;
    const bytes = Buffer.concat([deliveryHeaders(`a\r\n${forged}@b`, "me@example.org"), Buffer.from(forged)]);
    expect(traceOf({ bytes, start: bytes.byteLength - forged.length })).toBeUndefined();
  });

  test("each copy has its own, of 128 bits", () => {
    const traces = Array.from({ length: 100 }, newTrace);
    expect(new Set(traces).size).toBe(100);
    for (const trace of traces) expect(trace).toMatch(/^[0-9a-f]{32}$/);
  });
});

const key = async (text: string, account = "c", head = "") => {
  const message = { bytes: Buffer.from(head + text, "latin1"), start: head.length };
  return await messageKey(account, await fingerprint(message));
};
const ID = "Message-ID: <1@x>\r\n";
const OURS = Buffer.from(deliveryHeaders("a@b", "me@example.org", HOP)).toString("latin1");
/** What Email Routing puts in front, other at each attempt. */
const edge = (attempt: number, results = "dkim=pass") =>
  `Received: from mx.remote.example (203.0.113.7)\r\n        by cloudflare-email.net (cloudflare) id ${attempt}\r\n        for <me@example.org>; Sun, 22 Nov 2026 20:00:0${attempt} +0000\r\n` +
  `ARC-Seal: i=1; a=rsa-sha256; t=${attempt}; b=x\r\nARC-Message-Signature: i=1; t=${attempt}\r\nARC-Authentication-Results: i=1; mx.cloudflare.net; ${results}\r\n` +
  `Received-SPF: pass (mx.cloudflare.net: ${attempt})\r\nAuthentication-Results: mx.cloudflare.net; ${results}\r\nX-CF-SpamH-Score: ${attempt}\r\n`;
const AUTHORS = `DKIM-Signature: v=1; b=abc\r\nFrom: a@remote.example\r\n${ID}Subject: s\r\nReply-To: a@remote.example\r\n\r\nb`;

describe("one message", () => {
  test.each<[what: string, one: string, other: string]>([
    ["by another Received", `Received: a\r\n${AUTHORS}`, `Received: other\r\n\tfolded\r\n${AUTHORS}`],
    ["with what the edge puts in front, and without", AUTHORS, edge(1) + AUTHORS],
    ["tried again", edge(1) + AUTHORS, edge(2, "dkim=temperror") + AUTHORS],
    ["tried again by another server of the sender", edge(1) + AUTHORS, `${edge(2)}Received: from x by y\r\n${AUTHORS}`],
    [
      "without an Authentication-Results (workerd issue 6740)",
      edge(1).replace(/^Auth.*\r\n/m, "") + AUTHORS,
      edge(2) + AUTHORS,
    ],
    [
      "with fewer fields of the edge",
      `Received: a\r\nSubject: s\r\n\r\nb`,
      `ARC-Seal: i=1\r\nX-CF-SpamH-Score: 1\r\nSubject: s\r\n\r\nb`,
    ],
    ["with bare LF", "Message-ID: 1\n\nb", "Received: x\nMessage-ID: 1\n\nb"],
    ["without any header", "\r\nb", "\r\nb"],
    ["nothing at all", "", ""],
  ])("%s", async (_, one, other) => {
    expect(await key(other)).toBe(await key(one));
    for (const text of [one, other]) {
      expect(await key(text, "c", OURS)).toBe(await key(one));
      expect(await key(text, "d")).not.toBe(await key(one));
    }
  });
});

describe("two messages, whatever their Message-ID", () => {
  const authors = (from: string, to: string) => AUTHORS.replace(from, to);
  const plain = (fields: string) => [`${fields}From: a@x\r\n\r\nb`, "From: a@x\r\n\r\nb"] as const;
  const FORGED = "Authentication-Results: mx.cloudflare.net; dkim=fail\r\n";
  test.each<[what: string, one: string, other: string]>([
    ["with another body", AUTHORS, `${AUTHORS}\r\n--\r\nlist`],
    ["with another Message-ID", AUTHORS, authors("<1@x>", "<2@x>")],
    ["with another Subject", AUTHORS, authors("Subject: s", "Subject: t")],
    ["with another Reply-To", AUTHORS, authors("Reply-To: a@", "Reply-To: b@")],
    ["with a Content-Type more", AUTHORS, authors("Subject", "Content-Type: text/html\r\nSubject")],
    ["with another signature", AUTHORS, authors("b=abc", "b=abd")],
    ["with Message-ID: <>", ...([1, 2].map((n) => `Message-ID: <>\r\nSubject: ${n}\r\n\r\nb`) as [string, string])],
    ["redirected", ...plain("Resent-To: me@example.org\r\nResent-Message-ID: <2@x>\r\n")],
    ["by a list", AUTHORS, authors("Subject: s", "List-Id: <l.x>\r\nSubject: s")],
    ["folded in another way", AUTHORS, authors("Subject: s", "Subject:\r\n s")],
    ["written in another case", AUTHORS, authors("Subject: s", "subject: s")],
    ["with the fields in another order", "A: 1\r\nB: 2\r\n\r\nb", "B: 2\r\nA: 1\r\n\r\nb"],
    ["without an empty line", "Subject: s", "Subject: t"],
    ["without any header", "\r\nb", "\r\nc"],
    ["with a Message-ID in the body", `\r\n${ID}b`, `\r\nMessage-ID: <2@x>\r\nb`],
    ["with trace fields in the body", "\r\nReceived: a\r\n", "\r\nReceived: b\r\n"],
    ["with a long header section", `X: ${"y".repeat(300_000)}\r\n\r\nb`, `X: ${"y".repeat(300_000)}\r\n\r\nc`],
    ["one with a forged result in front", ...plain(FORGED)],
    ["one with a forged result below the edge's", edge(1) + AUTHORS, edge(1) + FORGED + AUTHORS],
    [
      "one with a forged result below a forged Received",
      edge(1) + AUTHORS,
      `${edge(1)}Received: x\r\n${FORGED}${AUTHORS}`,
    ],
    [
      "one with a forged result among the author's",
      edge(1) + AUTHORS,
      edge(1) + authors("Subject", `${FORGED}Subject`),
    ],
    ["one with a forged result behind a bare CR", edge(1) + AUTHORS, `${edge(1)}Received: x\r${FORGED}${AUTHORS}`],
    ["one with a forged score", edge(1) + AUTHORS, `${edge(1)}X-CF-SpamH-Score: 100\r\n${AUTHORS}`],
    ["one with a forged SPF result", edge(1) + AUTHORS, `${edge(1)}Received-SPF: fail\r\n${AUTHORS}`],
    [
      "one with forged results of ARC",
      edge(1) + AUTHORS,
      `${edge(1)}ARC-Authentication-Results: i=1; mx.cloudflare.net; x\r\n${AUTHORS}`,
    ],
    ["one with Delivered-To", ...plain("Delivered-To: me@example.org\r\n")],
    ["one with Return-Path", ...plain("Return-Path: <x@y>\r\n")],
    ["one with X-Original-To", ...plain("X-Original-To: me@example.org\r\n")],
    ["one with X-Spam-Status", ...plain("X-Spam-Status: Yes\r\n")],
    ["one with a name that only looks like Received", ...plain("Received : x\r\n")],
    ["one with more in front than is looked at", AUTHORS, `Received: ${"x".repeat(70_000)}\r\n${AUTHORS}`],
  ])("%s", async (_, one, other) => {
    expect(await key(other)).not.toBe(await key(one));
    expect(await key(edge(2) + other)).not.toBe(await key(edge(3) + one));
  });

  test("any byte that the author wrote is another one", async () => {
    const original = await key(edge(1) + AUTHORS);
    for (let index = 0; index < AUTHORS.length; index++) {
      const changed = `${AUTHORS.slice(0, index)}~${AUTHORS.slice(index + 1)}`;
      expect(await key(edge(1) + changed)).not.toBe(original);
    }
  });
});

test("24 MiB of header lines cost as much as one pass of SHA-256, and no copy", async () => {
  const bytes = Buffer.alloc(24 * 1024 * 1024, "A\n");
  const received = Buffer.alloc(24 * 1024 * 1024, "Received: x\r\n");
  const cpuMs = async (work: () => Promise<unknown>) => {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1_000;
  };
  const hashing = await cpuMs(() => crypto.subtle.digest("SHA-256", bytes));
  for (const message of [bytes, received])
    expect(await cpuMs(() => fingerprint({ bytes: message, start: 0 }))).toBeLessThan(3 * hashing + 50);
});
