import type { Json } from "../json";

/** What Stalwart makes at a start of every type that has no object at all; measured with 0.16.18. */
export const START_OBJECTS: Readonly<Record<string, readonly Json[]>> = {
  Application: [
    {
      description: "Stalwart Web Interface",
      enabled: true,
      resourceUrl: "https://github.com/stalwartlabs/webui/releases/latest/download/webui.zip",
      urlPrefix: { "/admin": true, "/account": true },
      autoUpdateFrequency: 2_592_000_000,
    },
  ],
  NetworkListener: [
    listener("smtp", "smtp", 25, false),
    listener("submissions", "smtp", 465, true),
    listener("imaps", "imap", 993, true),
    listener("pop3s", "pop3", 995, true),
    listener("sieve", "manageSieve", 4190, false),
    listener("https", "http", 443, true),
    listener("http", "http", 8080, false),
  ],
  MtaInboundThrottle: [
    {
      description: "Sender IP throttle",
      enable: true,
      key: { remoteIp: true },
      rate: { count: 5, period: 1_000 },
    },
    {
      description: "Sender address to recipient throttle",
      enable: true,
      key: { senderDomain: true, rcpt: true },
      rate: { count: 25, period: 3_600_000 },
    },
  ],
  MtaRoute: [
    { "@type": "Mx", name: "mx" },
    { "@type": "Local", name: "local" },
  ],
  MtaTlsStrategy: [
    { name: "invalid-tls", allowInvalidCerts: true },
    { name: "default", allowInvalidCerts: false },
  ],
  Role: [
    { description: "User" },
    { description: "Group" },
    { description: "Tenant Administrator" },
    { description: "System Administrator" },
  ],
  Tracer: [{ "@type": "Log", path: "/var/log/stalwart" }],
};

function listener(name: string, protocol: string, port: number, tlsImplicit: boolean): Json {
  return { name, protocol, bind: { [`[::]:${port}`]: true }, tlsImplicit };
}
