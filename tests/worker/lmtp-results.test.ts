import { withoutForgedResults } from "../../worker/src/lmtp/authentication-results";

/** RFC 8601 §5: nobody but the edge speaks in the name of mx.cloudflare.net. */

const OURS = "X-Original-To: root@example.org\r\n";
/** As Email Routing puts it in front. */
const EDGE =
  "Received: from mx.remote.example (203.0.113.7)\r\n        by cloudflare-email.net (cloudflare) id x\r\n        for <root@example.org>; Sun, 22 Nov 2026 20:00:00 +0000\r\n" +
  "ARC-Authentication-Results: i=1; mx.cloudflare.net; dmarc=fail\r\n" +
  "Received-SPF: softfail (mx.cloudflare.net: x)\r\n";
const VERDICT =
  "Authentication-Results: mx.cloudflare.net; dkim=none;\r\n dmarc=fail header.from=bank.example\r\nX-CF-SpamH-Score: 0\r\n";
const FORGED = "Authentication-Results: mx.cloudflare.net; dkim=pass; dmarc=pass\r\n";
const RENAMED = FORGED.replace("Authentication-Results", "X-Foreign-Auth-Results");
const REST =
  "From: service@bank.example\r\nSubject: x\r\n\r\nAuthentication-Results: mx.cloudflare.net; dmarc=pass\r\n";

const after = (text: string) => Buffer.from(withoutForgedResults(Buffer.from(text, "latin1"))).toString("latin1");

test("the edge's verdict stays, and so does the whole message, uncopied", () => {
  const message = Buffer.from(OURS + EDGE + VERDICT + REST);
  expect(withoutForgedResults(message)).toBe(message);
});

test.each([
  ["below it", EDGE + VERDICT + FORGED + REST, EDGE + VERDICT + RENAMED + REST],
  [
    "below the sender's Received",
    `${EDGE}${VERDICT}Received: from a by b\r\n${FORGED}${REST}`,
    `${EDGE}${VERDICT}Received: from a by b\r\n${RENAMED}${REST}`,
  ],
  ["twice", EDGE + VERDICT + FORGED + FORGED + REST, EDGE + VERDICT + RENAMED + RENAMED + REST],
  [
    "below a field of the sender, when the edge has none (workerd issue 6740)",
    `${EDGE}Subject: y\r\n${FORGED}${REST}`,
    `${EDGE}Subject: y\r\n${RENAMED}${REST}`,
  ],
  [
    "below a Received in the name of another server",
    `${EDGE}Received: from a by mx.cloudflare.net.evil.example\r\n${FORGED}${REST}`,
    `${EDGE}Received: from a by mx.cloudflare.net.evil.example\r\n${RENAMED}${REST}`,
  ],
])("a forged one %s is renamed, and nothing moves", (_, given, expected) => {
  expect(after(OURS + given)).toBe(OURS + expected);
});

test.each([
  "AUTHENTICATION-RESULTS: MX.Cloudflare.NET; dmarc=pass\r\n",
  "Authentication-Results : mx.cloudflare.net; dmarc=pass\r\n",
  "Authentication-Results: (x)\r\n\tmx.cloudflare.net 1; dmarc=pass\r\n",
  'Authentication-Results: "mx.cloudflare.net"; dmarc=pass\r\n',
])("however it is written: %j", (field) => {
  expect(after(EDGE + VERDICT + field + REST)).toBe(
    EDGE + VERDICT + field.replace(/authentication-results/i, "X-Foreign-Auth-Results") + REST,
  );
});

test.each([
  ["of another server", "Authentication-Results: mx.google.com; dmarc=pass\r\n"],
  ["of another name", "X-Authentication-Results: mx.cloudflare.net; dmarc=pass\r\n"],
])("a field %s stays", (_, field) => {
  expect(after(EDGE + VERDICT + field + REST)).toBe(EDGE + VERDICT + field + REST);
});

test.each([
  "",
  "\r\n",
  "a",
  "Authentication-Results",
  "\n\n",
  "x\r",
  "Authentication-Results: mx.cloudflare.net",
  "Authentication-Results\r\n",
])("what is no message is no trouble: %j", (text) => {
  expect(after(text)).toBe(text);
});

test("the message that is given is not changed, because the spool may need it", () => {
  const message = Buffer.from(EDGE + VERDICT + FORGED + REST);
  const before = Buffer.from(message);
  withoutForgedResults(message);
  expect(message).toEqual(before);
});
