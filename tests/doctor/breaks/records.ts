import type { Break } from "../break";
import { BOB } from "../internet";
import { RSA_1024, RSA_2048 } from "./keys";
import { add, at, DOMAIN, drift, gone, set } from "./public";

/** Values that stay well-formed, so that the record's own check and no policy check finds the difference. */
export const RECORDS: readonly Break[] = [
  drift(
    "records.mx.@",
    "a priority changed",
    set(DOMAIN, "MX", (value) => value.replace(/^50 /, "51 ")),
    /51 route1/,
  ),
  {
    ...drift(
      "records.mx.@",
      "another MX beside Cloudflare's",
      add(DOMAIN, "MX", "10 mx.example.com"),
      /10 mx\.example\.com/,
    ),
    remedy: /^Delete what is too much in Cloudflare's dashboard .*: 10 mx\.example\.com$/,
  },
  drift(
    "records.txt.@",
    "SPF changed",
    set(DOMAIN, "TXT", (value) => value.replace("~all", "-all")),
    /-all$/,
  ),
  drift(
    "records.txt.@",
    "SPF changed at one server",
    set(DOMAIN, "TXT", (value) => value.replace("~all", "-all"), BOB),
    /-all \(at bob\.ns\.cloudflare\.com only\)$/,
  ),
  drift(
    "records.txt._dmarc",
    "policy none",
    set(at("_dmarc"), "TXT", (value) => value.replace("p=reject", "p=none")),
    /p=none/,
  ),
  drift(
    "records.txt._smtp._tls",
    "another address",
    set(at("_smtp._tls"), "TXT", (value) => value.replace("postmaster@", "nobody@")),
    /nobody@/,
  ),
  drift(
    "records.txt.202602r._domainkey",
    "another RSA key",
    set(at("202602r._domainkey"), "TXT", () => `v=DKIM1; k=rsa; p=${RSA_2048}`),
    /k=rsa/,
  ),
  drift(
    "records.txt.202602e._domainkey",
    "another Ed25519 key",
    set(at("202602e._domainkey"), "TXT", () => `v=DKIM1; k=ed25519; p=${Buffer.alloc(32, 7).toString("base64")}`),
    /BwcHBw/,
  ),
  drift(
    "records.txt.resend._domainkey",
    "another key of Resend",
    set(at("resend._domainkey"), "TXT", () => `p=${RSA_1024}`),
    /^p=/,
  ),
  drift(
    "records.mx.send",
    "another region",
    set(at("send"), "MX", () => "10 feedback-smtp.us-east-1.amazonses.com"),
    /us-east-1/,
  ),
  drift(
    "records.txt.send",
    "SPF changed",
    set(at("send"), "TXT", (value) => value.replace("~all", "-all")),
    /-all$/,
  ),
  drift(
    "records.cname._mta-sts",
    "leads elsewhere",
    set(at("_mta-sts"), "CNAME", () => "_mta-sts.example.net"),
    /example\.net/,
  ),
  ...["_imaps", "_submissions", "_jmap", "_caldavs", "_carddavs"].map((label) =>
    drift(`records.srv.${label}._tcp`, "removed", set(at(`${label}._tcp`), "SRV", gone), /^nothing$/),
  ),
  ...["_imap", "_pop3", "_pop3s", "_sieve", "_submission"].map((label): Break => ({
    ...drift(
      `records.srv.${label}._tcp`,
      "leads elsewhere",
      set(at(`${label}._tcp`), "SRV", () => "0 1 1 evil.example"),
      /evil/,
    ),
    status: "warning",
  })),
  ...["stalwart", "inbound"].flatMap((label) => [
    drift(`records.cname.${label}`, "removed", set(at(label), "A", gone), /^nothing$/),
    drift(
      `records.cname.${label}`,
      "the address of the home",
      set(at(label), "A", () => "127.0.0.1"),
      /the address of the home/,
    ),
  ]),
  drift("records.cname.autoconfig", "removed", set(at("autoconfig"), "A", gone), /^nothing$/),
  drift(
    "records.aaaa.mta-sts",
    "not proxied",
    set(at("mta-sts"), "A", () => "100.100.1.1"),
    /^100\.100\.1\.1$/,
  ),
  ...["autodiscover", "imap-tcp", "submission-tcp"].map((label): Break => ({
    ...drift(`records.cname.${label}`, "removed", set(at(label), "A", gone), /^nothing$/),
    status: "warning",
  })),
];
