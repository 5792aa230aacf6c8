import { ownAddress } from "../../infra/settings/mailbox";
import { plist, type PlistDictionary } from "./plist";
import { IMAPS_PORT, outgoing, type Provider } from "./provider";
import { isRead, methodNotAllowed, READ, text } from "./public-answer";

/** Below `autoconfig.<domain>`, where the QR code of `npm run client -- iphone` leads. */
export const PROFILE_PATH = "/mail.mobileconfig";
const CONTENT_TYPE = "application/x-apple-aspen-config";
const HTTPS_PORT = 443;
/** RFC 9562 section 6.6: the name space of names that are URLs. */
const URL_NAMESPACE = "6ba7b8119dad11d180b400c04fd430c8";

/** Where the profile of that address is served; without an address the device asks for it. */
export function profileUrl(domain: string, address?: string): string {
  const query = address === undefined ? "" : `?${new URLSearchParams({ emailaddress: address }).toString()}`;
  return `https://autoconfig.${domain}${PROFILE_PATH}${query}`;
}

/**
 * The configuration profile for iPhone, iPad and Mac. Every plausible address of the domain gets one, so nobody learns which
 * ones exist. It is not signed: a key does not belong into a Worker that anyone may read.
 *
 * @returns undefined when no service is offered that a profile can describe
 */
export async function appleProfile(request: Request, provider: Provider): Promise<Response | undefined> {
  const asked = new URL(request.url).searchParams.get("emailaddress") ?? "";
  const address = asked === "" ? undefined : ownAddress(asked, provider.domain);
  if (asked !== "" && address === undefined)
    return text(400, `emailaddress is no address of the mail domain\n`, { "cache-control": "no-store" });
  const profile = await renderProfile(provider, address);
  if (profile === undefined) return undefined;
  if (!isRead(request)) return methodNotAllowed(READ);
  return new Response(profile, { headers: { "content-type": CONTENT_TYPE, "cache-control": "no-store" } });
}

/**
 * A profile with payloads for mail, calendars and address books (Apple, Device Management: com.apple.mail.managed,
 * com.apple.caldav.account, com.apple.carddav.account). It holds no password: the device asks once. Identifiers and UUIDs
 * are made from the address, so a profile that is installed again replaces itself, and two accounts of one domain stay two.
 */
export async function renderProfile(provider: Provider, address?: string): Promise<string | undefined> {
  const { domain, displayName } = provider;
  const url = profileUrl(domain, address);
  const uuid = await uuidOf(url);
  const identifier = `${domain.split(".").reverse().join(".")}.mail.${uuid.toLowerCase()}`;
  const payloads = await Promise.all(
    payloadsOf(provider, address).map(async ({ part, type, title, settings }) => ({
      PayloadType: type,
      PayloadVersion: 1,
      PayloadIdentifier: `${identifier}.${part}`,
      PayloadUUID: await uuidOf(`${url}#${part}`),
      PayloadDisplayName: title,
      ...settings,
    })),
  );
  if (payloads.length === 0) return undefined;
  return plist({
    PayloadType: "Configuration",
    PayloadVersion: 1,
    PayloadIdentifier: identifier,
    PayloadUUID: uuid,
    PayloadDisplayName: address ?? displayName,
    PayloadOrganization: displayName,
    PayloadDescription: `Sets up ${payloads.map(({ PayloadDisplayName }) => PayloadDisplayName.toLowerCase()).join(", ")} of ${address ?? domain}. It holds no password.`,
    PayloadContent: payloads,
  });
}

interface Payload {
  readonly part: "mail" | "calendars" | "contacts";
  readonly type: string;
  readonly title: string;
  readonly settings: PlistDictionary;
}

function payloadsOf(provider: Provider, address: string | undefined): readonly Payload[] {
  const { services, server, displayName } = provider;
  const mail = mailSettings(provider, address);
  const dav = (prefix: "CalDAV" | "CardDAV"): PlistDictionary => ({
    [`${prefix}AccountDescription`]: displayName,
    [`${prefix}HostName`]: server,
    [`${prefix}Port`]: HTTPS_PORT,
    [`${prefix}UseSSL`]: true,
    ...(address === undefined ? {} : { [`${prefix}Username`]: address }),
  });
  return [
    ...(mail ? [{ part: "mail", type: "com.apple.mail.managed", title: "Mail", settings: mail } as const] : []),
    ...(services.has("caldavs")
      ? [
          {
            part: "calendars",
            type: "com.apple.caldav.account",
            title: "Calendars",
            settings: dav("CalDAV"),
          } as const,
        ]
      : []),
    ...(services.has("carddavs")
      ? [
          {
            part: "contacts",
            type: "com.apple.carddav.account",
            title: "Contacts",
            settings: dav("CardDAV"),
          } as const,
        ]
      : []),
  ];
}

/** Undefined: the payload needs a way to receive and one to send. The device uses STARTTLS on 587 when told to use TLS. */
function mailSettings(provider: Provider, address: string | undefined): PlistDictionary | undefined {
  const [smtp] = outgoing(provider);
  if (!provider.services.has("imaps") || smtp === undefined) return undefined;
  const user = (direction: "Incoming" | "Outgoing") =>
    address === undefined ? {} : { [`${direction}MailServerUsername`]: address };
  return {
    EmailAccountType: "EmailTypeIMAP",
    EmailAccountDescription: provider.displayName,
    ...(address === undefined ? {} : { EmailAddress: address }),
    IncomingMailServerHostName: provider.clients,
    IncomingMailServerPortNumber: IMAPS_PORT,
    IncomingMailServerUseSSL: true,
    IncomingMailServerAuthentication: "EmailAuthPassword",
    ...user("Incoming"),
    OutgoingMailServerHostName: provider.clients,
    OutgoingMailServerPortNumber: smtp.port,
    OutgoingMailServerUseSSL: true,
    OutgoingMailServerAuthentication: "EmailAuthPassword",
    ...user("Outgoing"),
    OutgoingPasswordSameAsIncomingPassword: true,
  };
}

/** Version 5 (RFC 9562 section 5.5) of a URL, in capitals as Apple writes it. */
async function uuidOf(url: string): Promise<string> {
  const namespace = Uint8Array.from(URL_NAMESPACE.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const named = new Uint8Array([...namespace, ...new TextEncoder().encode(url)]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", named));
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.toUpperCase().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
