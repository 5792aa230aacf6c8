import type { Settings } from "../infra/settings/settings";
import type { Outside } from "./outside";

/** A mail client does not learn where the server is, or only while home is up. */
export class NoAutoconfig extends Error {}

/**
 * Fetches the mail client's configuration as Thunderbird does first, while nothing answers at home.
 *
 * @returns the host and port of the incoming server
 */
export async function checkAutoconfig(
  outside: Outside,
  { domain, hostnames, primaryAddress }: Settings,
): Promise<string> {
  const query = new URLSearchParams({ emailaddress: primaryAddress }).toString();
  const url = `https://autoconfig.${domain}/mail/config-v1.1.xml?${query}`;
  await outside.host.pause();
  try {
    const home = `https://${hostnames.server}/.well-known/jmap`;
    const { status } = await outside.fetch(home);
    if (status < 500) throw new NoAutoconfig(`${home} answers HTTP ${status} although the mail host is paused.`);
    const response = await outside.fetch(url);
    const config = await response.text();
    if (response.status !== 200) throw new NoAutoconfig(`${url} answers HTTP ${response.status}: ${config}`);
    const [, host, port] =
      /<incomingServer type="imap">\s*<hostname>(.*?)<\/hostname>\s*<port>(\d+)<\/port>/.exec(config) ?? [];
    if (host !== hostnames.clients || port === undefined)
      throw new NoAutoconfig(`${url} does not say where IMAP is: ${host ?? config}`);
    return `${host}:${port}`;
  } finally {
    await outside.host.resume();
  }
}
