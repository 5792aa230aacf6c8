import { IMAPS_PORT, outgoing, type Outgoing, type Provider } from "./provider";
import { escapeXml, isRead, methodNotAllowed, READ, xml } from "./public-answer";

/** Below `autoconfig.<domain>`, the first address that Thunderbird tries. */
export const CONFIG_PATH = "/mail/config-v1.1.xml";
/** Below the domain itself, the second; some clients try it below `autoconfig.<domain>` too. */
export const WELL_KNOWN_CONFIG_PATH = `/.well-known/autoconfig${CONFIG_PATH}`;

/** It changes with the deployment, that is seldom, and a wrong one must not stay long. */
const CACHE = "public, max-age=3600";

/**
 * How Thunderbird and those who follow it set an account up: the configuration file, format 1.1
 * (https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat). The same for every address of the domain,
 * so the query `emailaddress` is not read; `%EMAILADDRESS%` is for the client to fill in.
 *
 * @returns undefined when no service is offered that this format can describe: a file without an incoming server is refused
 */
export function autoconfig(request: Request, provider: Provider): Response | undefined {
  if (!provider.services.has("imaps")) return undefined;
  return isRead(request) ? xml(clientConfig(provider), CACHE) : methodNotAllowed(READ);
}

function clientConfig(provider: Provider): string {
  const domain = escapeXml(provider.domain);
  const name = escapeXml(provider.displayName);
  const host = escapeXml(provider.clients);
  return [
    '<clientConfig version="1.1">',
    `  <emailProvider id="${domain}">`,
    `    <domain>${domain}</domain>`,
    `    <displayName>${name}</displayName>`,
    `    <displayShortName>${name}</displayShortName>`,
    server("incomingServer", "imap", host, { port: IMAPS_PORT, tls: "implicit" }),
    ...outgoing(provider).map((way) => server("outgoingServer", "smtp", host, way)),
    "  </emailProvider>",
    "</clientConfig>",
  ].join("\n");
}

/** `password-cleartext` means plain authentication, which TLS protects here. */
function server(element: string, type: string, host: string, { port, tls }: Outgoing): string {
  return [
    `    <${element} type="${type}">`,
    `      <hostname>${host}</hostname>`,
    `      <port>${port}</port>`,
    `      <socketType>${tls === "implicit" ? "SSL" : "STARTTLS"}</socketType>`,
    "      <authentication>password-cleartext</authentication>",
    "      <username>%EMAILADDRESS%</username>",
    `    </${element}>`,
  ].join("\n");
}
