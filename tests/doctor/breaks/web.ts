import type { Break } from "../break";
import { answer, at, DOMAIN, drift, PUBLIC_WORKER, STATUS_PAGE } from "./public";

const NAMES = ["autoconfig", "autodiscover", "imap-tcp", "inbound", "mta-sts", "stalwart", "submission-tcp"] as const;

export const WEB: readonly Break[] = [
  ...NAMES.flatMap((label): Break[] => [
    {
      id: `web.certificate.${label}`,
      what: "ends in ten days",
      status: "warning",
      current: /^(9|10) days left/,
      remedy: /Edge Certificates/,
      apply: ({ web }) => void web.daysLeft.set(at(label), 10),
    },
  ]),
  {
    id: "web.certificate.stalwart",
    what: "nobody trusts it",
    status: "error",
    current: /SELF_SIGNED_CERT/,
    remedy: /Edge Certificates/,
    apply: ({ web }) => void web.daysLeft.set(at("stalwart"), 0),
  },
  {
    id: "web.certificate.inbound",
    what: "nobody listens",
    status: "error",
    current: /cannot be reached/,
    remedy: /network of this machine/,
    apply: ({ web }) => void web.dead.add(at("inbound")),
  },
  {
    ...drift("web.edge", "something else answers", () => undefined, /no cf-ray; server nginx/),
    apply: ({ web }) =>
      void web.instead.set(`https://stalwart.${DOMAIN}/`, () => new Response("", { headers: { server: "nginx" } })),
  },
  {
    id: "web.jmap",
    what: "the tunnel is down",
    status: "error",
    current: /answers HTTP 530/,
    remedy: /docker compose up -d/,
    apply: answer(`https://stalwart.${DOMAIN}/.well-known/jmap`, 530),
  },
  ...(["caldavs", "carddavs"] as const).map((service): Break => ({
    id: `web.${service}`,
    what: "not there",
    status: "error",
    current: /answers HTTP 404/,
    remedy: /^pulumi up --stack prod$/,
    apply: answer(`https://stalwart.${DOMAIN}/.well-known/${service.slice(0, -1)}`, 404),
  })),
  drift(
    "web.access.inbound",
    "anybody may come in",
    answer(`https://inbound.${DOMAIN}/jmap/session`, 200, "{}"),
    /HTTP 200 without a token/,
  ),
  drift(
    "web.access.inbound",
    "a redirect that is not Access's",
    answer(`https://inbound.${DOMAIN}/jmap/session`, 302, "", {
      location: "https://evil.example/cloudflareaccess.com",
    }),
    /HTTP 302 to https:\/\/evil\.example/,
  ),
  drift(
    "web.access.imaps",
    "anybody may come in",
    answer(`https://imap-tcp.${DOMAIN}/jmap/session`, 502),
    /HTTP 502 without/,
  ),
  drift(
    "web.access.submissions",
    "anybody may come in",
    answer(`https://submission-tcp.${DOMAIN}/jmap/session`, 502),
    /HTTP 502 without/,
  ),
  drift(
    "web.admin",
    "anybody may come in",
    answer(`https://stalwart.${DOMAIN}/admin`, 200, "<html>"),
    /\/admin answers HTTP 200$/,
  ),
  drift(
    "web.admin",
    "a redirect that is Stalwart's own",
    answer(`https://stalwart.${DOMAIN}/admin`, 302, "", { location: "/admin/" }),
    /\/admin answers HTTP 302$/,
  ),
  {
    id: "web.autoconfig",
    what: "names another server",
    status: "error",
    current: /^imap\.example\.com$/,
    remedy: PUBLIC_WORKER,
    apply: answer(`https://autoconfig.${DOMAIN}/mail/config-v1.1.xml`, 200, "<hostname>imap.example.com</hostname>"),
  },
  {
    id: "web.autodiscover",
    what: "answers nothing",
    status: "error",
    current: /^HTTP 404$/,
    remedy: PUBLIC_WORKER,
    apply: answer(`https://autodiscover.${DOMAIN}/autodiscover/autodiscover.json`, 404),
  },
  ...(["imaps", "submissions", "submission"] as const).map((service): Break => ({
    id: `web.port.${service}`,
    what: "this machine is in the tailnet and nobody listens",
    status: "error",
    current: /\(100\.100\.1\.1\) does not answer/,
    remedy: /docker compose ps/,
    apply: ({ web }) => {
      web.addresses.set(at("stalwart"), "100.100.1.1");
      web.deadPorts.add({ imaps: 993, submissions: 465, submission: 587 }[service]);
    },
  })),
  ...[1, 2, 3].map((number): Break => ({
    id: `exchange.route${number}.mx.cloudflare.net`,
    what: "a certificate that nobody trusts",
    status: "error",
    current: /SELF_SIGNED_CERT/,
    remedy: STATUS_PAGE,
    apply: ({ web }) => void web.daysLeft.set(`route${number}.mx.cloudflare.net`, 0),
  })),
];
