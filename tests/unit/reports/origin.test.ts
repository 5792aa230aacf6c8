import { originOf, reporterName, vouchesFor } from "../../../ops/reports/origin";
import type { TlsReport } from "../../../ops/reports/report";

const RECEIVED =
  "Received: from mail.google.com (1.2.3.4)\r\n by cloudflare-email.net (cloudflare) id x;\r\n Mon, 1 Jan 2026\r\n";
const ARC = "ARC-Seal: i=1; a=rsa-sha256; d=cloudflare-email.net\r\nReceived-SPF: pass (x)\r\n";
const VERDICT =
  "Authentication-Results: mx.cloudflare.net; dkim=pass header.d=google.com header.s=x header.b=y;\r\n" +
  "\tdmarc=pass header.from=google.com policy.dmarc=reject; spf=pass smtp.mailfrom=google.com; arc=none\r\n";
const REST =
  "X-CF-SpamH-Score: 1\r\nDKIM-Signature: v=1\r\nFrom: noreply-dmarc-support@google.com\r\nSubject: x\r\n\r\nbody";
const AT_HOME =
  "Delivered-To: root@augustin.ai\r\nX-Spam-Status: No\r\nReceived: from worker by stalwart.augustin.ai;\r\n Mon\r\n";

const of = (...parts: readonly string[]) => originOf(Buffer.from(parts.join("")));

describe("the domain that sent a report's mail", () => {
  it.each([
    ["by DMARC", [RECEIVED, ARC, VERDICT, REST]],
    ["below what home's server writes", [AT_HOME, RECEIVED, ARC, VERDICT, REST]],
    ["with a verdict of home's server in front", ["Authentication-Results: home; x=y\r\n", RECEIVED, VERDICT, REST]],
    ["by its signature", [RECEIVED, VERDICT.replace("dmarc=pass", "dmarc=none"), REST]],
    ["in other letters", [RECEIVED, VERDICT.replace("mx.cloudflare.net", "MX.Cloudflare.NET 1"), REST]],
    ["behind a comment", [RECEIVED, VERDICT.replace("mx.cloudflare", "(a (b) \\)) mx.cloudflare"), REST]],
  ])("is known %s", (_, parts) => expect(of(...parts)).toBe("google.com"));

  it.each([
    ["without a verdict", [RECEIVED, ARC, REST]],
    ["below a field of the sender's", [RECEIVED, "Subject: x\r\n", VERDICT, REST]],
    ["below a Received of the sender's", [RECEIVED, "Received: from a by b;\r\n", VERDICT, REST]],
    ["when it did not come over the edge", [VERDICT, RECEIVED, REST]],
    ["when it was put there by hand", [VERDICT, REST]],
    ["of another server", [RECEIVED, VERDICT.replace("mx.cloudflare.net", "mx.cloudflare.net.evil.example"), REST]],
    ["in the body", [RECEIVED, "\r\n", VERDICT]],
    ["that fails", [RECEIVED, VERDICT.replaceAll("=pass", "=fail"), REST]],
    [
      "in a quoted text of the sender's",
      [
        RECEIVED,
        VERDICT.replaceAll("=pass", "=fail").replace("spf=", 'x="; dmarc=pass header.from=google.com" spf='),
        REST,
      ],
    ],
    [
      "in a comment of the sender's",
      [
        RECEIVED,
        VERDICT.replaceAll("=pass", "=fail").replace("spf=", "(; dmarc=pass header.from=google.com) spf="),
        REST,
      ],
    ],
    ["with a comment that does not end", [RECEIVED, VERDICT.replace("dkim=", "(dkim="), REST]],
  ])("is not known %s", (_, parts) => expect(of(...parts)).toBeUndefined());

  it("is that of the first verdict", () => {
    const forged = VERDICT.replaceAll("google.com", "bank.example");
    expect(of(RECEIVED, VERDICT, forged, REST)).toBe("google.com");
    expect(of(RECEIVED, VERDICT.replaceAll("=pass", "=fail"), forged, REST)).toBeUndefined();
  });
});

test("a reporter is shown with what vouches for it", () => {
  const report = (reporter: string, contact?: string): TlsReport => ({
    kind: "tls",
    ...{ reporter, contact, id: "", begin: undefined, end: undefined, policies: [], gaps: [] },
  });
  expect(reporterName(report("google.com", "google.com"), "mail.google.com")).toBe("google.com");
  expect(reporterName(report("Outlook.com", "microsoft.com"), "microsoft.com")).toBe("Outlook.com (microsoft.com)");
  expect(reporterName(report("", "google.com"), "google.com")).toBe("google.com");
  // A stranger's mail passes for the stranger, whatever it says.
  expect(reporterName(report("google.com", "google.com"), "evil.example")).toBe("google.com (unverified)");
  expect(reporterName(report("google.com", "evil.example"), "evil.example")).toBe("google.com (evil.example)");
  expect(reporterName(report("google.com", "google.com"), undefined)).toBe("google.com (unverified)");
  expect(vouchesFor("co.uk", report("other.co.uk"))).toBe(false);
});
