import { envelopeInFront } from "../../worker/src/envelope";
import { deliveryHeaders } from "../../worker/src/message";

const NAME = "2026-11-22T16:00:00.123Z-0123abcd.eml";
const RAW = "Received: from a\r\nSubject: x\r\n\r\nbody\r\n";

const HOP = { by: "augustin.ai", trace: "0123456789abcdef0123456789abcdef", receivedAt: 0 };
const spooled = (from: string, to: string): Uint8Array =>
  Buffer.concat([deliveryHeaders(from, to, HOP), Buffer.from(RAW)]);

test.each([
  ["zoe@sender.example", "root@augustin.ai"],
  ["", "root+tag@augustin.ai"],
  ["j\u00fcrgen@sender.example", "gr\u00fc\u00dfe@augustin.ai"],
])("the envelope of <%s> to %s is read back from the headers in front", (from, to) => {
  // An operator's own message has no Received field.
  for (const bytes of [spooled(from, to), Buffer.concat([deliveryHeaders(from, to), Buffer.from(RAW)])]) {
    const entry = envelopeInFront(bytes, NAME);
    expect(entry).toMatchObject({ from, to, receivedAt: Date.UTC(2026, 10, 22, 16, 0, 0, 123) });
    expect(Buffer.from(bytes.subarray(entry?.start)).toString()).toBe(RAW);
  }
});

test.each([
  ["a message that was never spooled", Buffer.from(RAW), NAME],
  ["two recipients that differ", Buffer.from("Return-Path: <>\r\nDelivered-To: a\r\nX-Original-To: b\r\n"), NAME],
  ["no recipient", Buffer.from("Return-Path: <>\r\nDelivered-To: \r\nX-Original-To: \r\n"), NAME],
  ["a name without a time", spooled("", "root@augustin.ai"), "message.eml"],
  ["nothing", Buffer.alloc(0), NAME],
])("%s has none", (_what, bytes, name) => {
  expect(envelopeInFront(bytes, name)).toBeUndefined();
});
