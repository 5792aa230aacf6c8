import type { PlanLine } from "../../../onhost/src/plan-line";
import type { DkimKey, DomainSettings, Settings } from "../../settings/settings";
import { always, listOf, setOf, update, upsert, when } from "./line";
import { LMTP_LISTENER, RELAY_ROUTE, RELAY_SECRET, RELAY_TLS } from "./names";

/** Resend's port with TLS from the first byte; there is no moment at which the password could go in the clear. */
const RELAY = { host: "smtp.resend.com", port: 465, user: "resend" } as const;

const MAX_MESSAGES_IN_SESSION = 500;

/** An expression's condition. */
const BY_LMTP = `listener == '${LMTP_LISTENER}'`;

/** Stalwart's default: without rules the filter gives no scores. */
const SPAM_RULES_URL = "https://github.com/stalwartlabs/spam-filter/releases/latest/download/spam-filter-rules.json.gz";

/** A domain and its signatures. */
export function domainLines({ domain, catchAll, dkim }: DomainSettings): readonly PlanLine[] {
  return [
    upsert("Domain", ["name"], {
      domain: {
        name: domain,
        description: "Declared by mail-stack",
        isEnabled: true,
        allowRelaying: false,
        catchAllAddress: catchAll ?? null,
        subAddressing: { "@type": "Enabled" },
        reportAddressUri: `mailto:postmaster@${domain}`,
        // DNS, keys and certificates come from this program.
        certificateManagement: { "@type": "Manual" },
        dkimManagement: { "@type": "Manual" },
        dnsManagement: { "@type": "Manual" },
      },
    }),
    upsert("DkimSignature", ["selector", "domainId"], {
      "dkim-rsa": signature("Dkim1RsaSha256", dkim.rsa),
      "dkim-ed25519": signature("Dkim1Ed25519Sha256", dkim.ed25519),
    }),
  ];
}

/** The stores, the way out, and what mail meets on its way in. */
export function mailLines({ inboundDelivery }: Settings): readonly PlanLine[] {
  return [
    // All stores are the RocksDB of config.json.
    update("BlobStore", { "@type": "Default" }),
    update("SearchStore", { "@type": "Default" }),
    update("InMemoryStore", { "@type": "Default" }),
    upsert("MtaTlsStrategy", ["name"], {
      "tls-strict": {
        name: RELAY_TLS,
        startTls: "require",
        dane: "disable",
        mtaSts: "disable",
        allowInvalidCerts: false,
      },
    }),
    upsert("MtaRoute", ["name"], {
      relay: {
        "@type": "Relay",
        name: RELAY_ROUTE,
        description: "Everything that leaves goes through Resend",
        address: RELAY.host,
        port: RELAY.port,
        protocol: "smtp",
        implicitTls: true,
        allowInvalidCerts: false,
        authUsername: RELAY.user,
        authSecret: { "@type": "EnvironmentVariable", variableName: RELAY_SECRET },
      },
    }),
    update("MtaOutboundStrategy", {
      // Without the branch for local domains the domain's own mail would leave the house.
      route: {
        match: listOf([{ if: "is_local_domain(rcpt_domain)", then: "'local'" }]),
        else: `'${RELAY_ROUTE}'`,
      },
      // The default tries again without checking the certificate after a TLS error.
      tls: always(`'${RELAY_TLS}'`),
    }),
    ...submissionLines(),
    ...deliveryLines(),
    ...callsHomeLines(inboundDelivery),
  ];
}

function signature(type: string, { selector, privateKey }: DkimKey) {
  return {
    "@type": type,
    domainId: "#domain",
    selector,
    privateKey: { "@type": "Text", secret: privateKey.reveal() },
    canonicalization: "relaxed/relaxed",
    stage: "active",
    report: false,
  };
}

/** Mail comes by submission here, after a login, or by LMTP from the Worker; the defaults are made for port 25. */
function submissionLines(): readonly PlanLine[] {
  // A throttle looks at `else` only; measured. The Worker's one address brings everybody's mail.
  const strangersOnly = always(`is_empty(authenticated_as) && listener != '${LMTP_LISTENER}'`);
  return [
    update("MtaStageAuth", {
      // By the listener's name alone, which nobody can pretend. Relaying needs a login all the same.
      require: when(BY_LMTP, "false", "true"),
      // Nobody writes in another's name.
      mustMatchSender: always("true"),
      // Passwords only inside TLS.
      saslMechanisms: {
        match: listOf([{ if: "is_tls", then: "[plain, login, oauthbearer, xoauth2]" }]),
        else: "[oauthbearer, xoauth2]",
      },
    }),
    // An outbox of more than 10 messages, the default, would not go out in one session.
    update("MtaStageData", {
      maxMessages: always(String(MAX_MESSAGES_IN_SESSION)),
      // RFC 5321 §4.4: whoever makes the final delivery writes it.
      addReturnPathHeader: when(BY_LMTP, "true", "false"),
    }),
    upsert("MtaInboundThrottle", ["description"], {
      "throttle-address": {
        description: "Sender IP throttle",
        enable: true,
        key: setOf(["remoteIp"]),
        match: strangersOnly,
        rate: { count: 5, period: 1_000 },
      },
      "throttle-recipient": {
        description: "Sender address to recipient throttle",
        enable: true,
        key: setOf(["senderDomain", "rcpt"]),
        match: strangersOnly,
        rate: { count: 25, period: 3_600_000 },
      },
    }),
  ];
}

/**
 * What mail by LMTP meets. Without that listener nothing of it takes effect, and the lines stay the same, so that changing
 * the way of delivery leaves nothing behind.
 */
function deliveryLines(): readonly PlanLine[] {
  return [
    // A zero would be taken for the default, 5 s, several times over; measured.
    update("MtaStageRcpt", { waitOnFail: when(BY_LMTP, "100ms", "5s") }),
    // DKIM and DMARC look at the message. SPF, reverse DNS and EHLO look at the connection, which is always Traefik's, and
    // would punish every message; what they said at the edge is in Cloudflare's Authentication-Results.
    update("SenderAuth", {
      dmarcVerify: when(BY_LMTP, "relaxed", "disable"),
      spfEhloVerify: always("disable"),
      spfFromVerify: always("disable"),
      reverseIpVerify: always("disable"),
    }),
  ];
}

/** Services that Stalwart would fetch from or ask. With JMAP no message passes through the spam filter. */
function callsHomeLines(inboundDelivery: Settings["inboundDelivery"]): readonly PlanLine[] {
  return [
    update("Asn", { "@type": "Disabled" }),
    update("SpamSettings", { spamFilterRulesUrl: inboundDelivery === "lmtp" ? SPAM_RULES_URL : null }),
    // A reload asks DNS for its host and fails as a whole when that does not answer.
    update("SpamPyzor", { enable: false }),
  ];
}
