import { laptopHostname } from "../../infra/settings/clients";
import type { Answer } from "./answer";
import { forwards, hostsLine, LOCAL_ADDRESS } from "./local";
import { INSTALLATION, type System } from "./os";
import { table } from "./sheet-text";
import { type ClientSettings, hostDomainOf } from "./settings";

/** The laptop's units and what to do with them; undefined when the stack offers no service over the tunnel. */
export function laptopAnswer(
  settings: ClientSettings,
  address: string,
  system: System,
  folder: string,
): Answer | undefined {
  const all = forwards(settings);
  const [first] = all;
  if (first === undefined) return undefined;
  const { file, commands, hostsFile, cloudflared } = INSTALLATION[system];
  const name = laptopHostname({ domain: hostDomainOf(settings) });
  const steps = [
    { what: "Install cloudflared:", lines: [cloudflared] },
    {
      what: `Log in once for each name; a browser opens (people: ${settings.clientTcp.people.join(", ")}):`,
      lines: all.map(({ hostname }) => `cloudflared access login https://${hostname}`),
    },
    {
      what: system === "windows" ? "As administrator, let it run with each session:" : "Let it run with each session:",
      lines: commands(folder, hostDomainOf(settings), all),
    },
    { what: `As administrator, add this line to ${hostsFile}:`, lines: [hostsLine(settings)] },
    {
      what: "Tell the mail program:",
      lines: table([
        ...all.map(({ service, localPort }) => [service, name, String(localPort), SECURITY[service]]),
        ["user name", address],
      ]).map((line) => line.slice(2)),
    },
  ];
  const notes = [
    `The certificate carries ${name}, and the server looks at the`,
    `name that is asked for: localhost or ${LOCAL_ADDRESS} as the server's name is refused,`,
    "not merely warned of. So the line is needed, and the mail program gets that",
    "name. Programs that take a server name apart from the address they connect to",
    `(stunnel: sni, checkHost) need no line: ${LOCAL_ADDRESS} and that name.`,
    ...(name === settings.hostnames.clients
      ? ["", "On this laptop that name then no longer leads to the tailnet: use these ports", "there too."]
      : []),
    "",
    `Never map ${first.hostname} or ${settings.hostnames.server} there:`,
    "cloudflared and the browser would look for them on this laptop.",
  ];
  return {
    files: all.map((forward) => file(hostDomainOf(settings), forward)),
    text: [
      `Laptop (${system}): mail of ${settings.domain} through Cloudflare`,
      "",
      ...table(all.map(({ hostname, localPort }) => [hostname, "->", `${LOCAL_ADDRESS}:${localPort}`])),
      "",
      ...steps.flatMap(({ what, lines }, index) => [`${index + 1}. ${what}`, ...lines.map((line) => `     ${line}`)]),
      "",
      ...notes,
      "",
    ].join("\n"),
    json: {
      system,
      certificateName: name,
      hostsLine: hostsLine(settings),
      people: settings.clientTcp.people,
      user: address,
      services: all.map(({ service, hostname, localPort, command }) => ({
        service,
        hostname,
        address: LOCAL_ADDRESS,
        port: localPort,
        security: SECURITY[service],
        command,
      })),
    },
  };
}

const SECURITY = { imaps: "TLS", submissions: "TLS", sieve: "STARTTLS" } as const;
