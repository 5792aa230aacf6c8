import { deliveryHeaders, fingerprint, messageKey } from "../../worker/src/message";
import { readMessage } from "../../worker/src/read";
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

describe("two copies of a message are the same", () => {
  const key = async (text: string, account = "c", head = "") => {
    const message = { bytes: Buffer.from(head + text, "latin1"), start: head.length };
    return await messageKey(account, await fingerprint(message));
  };
  const ID = "Message-ID: <1@x>\r\n";
  test.each<[what: string, one: string, other: string, same: boolean]>([
    [
      "whatever the way they came",
      `Received: a\r\n${ID}\r\nb`,
      `Received: other\r\n\tfolded\r\nX-Y: z\r\n${ID}\r\nb`,
      true,
    ],
    ["not with another body, as lists send it", `${ID}\r\nb`, `${ID}\r\nb\r\n--\r\nlist`, false],
    ["not with another Message-ID", `${ID}\r\nb`, `Message-ID: <2@x>\r\n\r\nb`, false],
    ["with a folded Message-ID", `${ID}\r\nb`, `Message-Id:\r\n <1@x> \r\n\r\nb`, true],
    [
      "without Message-ID, with the same fields",
      `Received: a\r\nSubject: s\r\n\r\nb`,
      `ARC-Seal: i=1\r\nX-CF-SpamH-Score: 1\r\nSubject: s\r\n\r\nb`,
      true,
    ],
    ["without Message-ID, not with another subject", `Subject: s\r\n\r\nb`, `Subject: t\r\n\r\nb`, false],
    [
      "without Message-ID, not with another signature",
      `DKIM-Signature: 1\r\n\r\nb`,
      `DKIM-Signature: 2\r\n\r\nb`,
      false,
    ],
    [
      "with an empty Message-ID it is as without",
      `Message-ID: \r\nSubject: s\r\n\r\nb`,
      `Message-ID: \r\nSubject: t\r\n\r\nb`,
      false,
    ],
    ["with bare LF", "Message-ID: 1\n\nb", "Received: x\nMessage-ID: 1\n\nb", true],
    ["without any header", "\r\nb", "\r\nb", true],
    ["without any header, not with another body", "\r\nb", "\r\nc", false],
    ["no empty line", "Subject: s", "Subject: t", false],
    ["nothing at all", "", "", true],
    ["a Message-ID in the body is none", `\r\n${ID}b`, `\r\nMessage-ID: <2@x>\r\nb`, false],
    [
      "a head longer than is looked at",
      `X: ${"y".repeat(300_000)}\r\n\r\nb`,
      `X: ${"y".repeat(300_000)}\r\n\r\nc`,
      false,
    ],
  ])("%s", async (_, one, other, same) => {
    expect((await key(one)) === (await key(other))).toBe(same);
    expect(await key(one, "c", HEAD)).toBe(await key(one));
    expect(await key(one, "d")).not.toBe(await key(one));
  });
});
