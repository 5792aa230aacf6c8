import { MAX_ADDRESS, ownAddress } from "../../infra/settings/mailbox";
import { IMAPS_PORT, outgoing, type Provider } from "./provider";
import { escapeXml, isRead, json, methodNotAllowed, READ, text, xml } from "./public-answer";
import { readXmlRequest } from "./xml-request";

const RESPONSE_NAMESPACE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const OUTLOOK_NAMESPACE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/** Outlook's requests have about 500 bytes. */
const MAX_REQUEST_BYTES = 16 * 1024;

/** The error codes of [MS-OXDSCLI] and [MS-ASCMD] 2.2.3.64, with Exchange's own messages. */
const ERRORS = {
  unknownAddress: { code: 500, message: "The email address can't be found." },
  invalidRequest: { code: 600, message: "Invalid Request" },
  unknownSchema: { code: 601, message: "Provider is not available" },
} as const;

/** Below `autodiscover.<domain>`; the comparison ignores case, as Exchange's does and Outlook expects ([MS-OXDISCO]). */
export function isAutodiscoverPath(pathname: string): boolean {
  return pathname.toLowerCase() === "/autodiscover/autodiscover.xml";
}

/** The second version names the address in the path or in the query. */
export function isAutodiscoverJsonPath(pathname: string): boolean {
  return /^\/autodiscover\/autodiscover\.json(\/v1\.0\/[^/]*)?$/i.test(pathname);
}

/**
 * How Outlook sets an account up: Autodiscover with plain XML ([MS-OXDSCLI] sections 2.2.3 and 2.2.4). Every plausible
 * address of the domain gets the same settings, so nobody learns which ones exist. What was no request for settings gets
 * the error form with status 200, as Exchange answers.
 *
 * @returns undefined when no service is offered that this format can describe
 */
export async function autodiscover(request: Request, provider: Provider): Promise<Response | undefined> {
  const protocols = protocolsOf(provider);
  if (protocols.length === 0) return undefined;
  if (isRead(request)) return failure("invalidRequest");
  if (request.method !== "POST") return methodNotAllowed(`${READ}, POST`);
  const body = await readBounded(request);
  if (body === undefined) return text(413, "the request is too large\n");
  const asked = readXmlRequest(body, charsetOf(request));
  const schema = asked?.text("AcceptableResponseSchema");
  if (schema !== undefined && schema !== OUTLOOK_NAMESPACE) return failure("unknownSchema");
  const mailbox = asked?.text("EMailAddress") ?? "";
  // A text that cannot be an address is the request's mistake.
  if (mailbox === "" || /\s/.test(mailbox) || mailbox.length > MAX_ADDRESS) return failure("invalidRequest");
  const address = ownAddress(mailbox, provider.domain);
  return address === undefined ? failure("unknownAddress") : settings(address, protocols);
}

/** Autodiscover V2: says where the first version is. The address, which Outlook sends along, is not read. */
export function autodiscoverJson(request: Request, provider: Provider): Response | undefined {
  if (protocolsOf(provider).length === 0) return undefined;
  if (!isRead(request)) return methodNotAllowed(READ);
  const query = [...new URL(request.url).searchParams];
  const asked = query.find(([name]) => name.toLowerCase() === "protocol")?.[1] ?? "";
  if (asked === "")
    return json(400, {
      ErrorCode: "MissingProtocol",
      ErrorMessage: "A valid value must be provided for the query parameter 'Protocol'.",
    });
  if (asked.toLowerCase() !== "autodiscoverv1")
    return json(400, {
      ErrorCode: "InvalidProtocol",
      ErrorMessage: "The given protocol value is invalid. Supported values are 'Autodiscoverv1'.",
    });
  return json(200, {
    Protocol: "Autodiscoverv1",
    Url: `https://autodiscover.${provider.domain}/autodiscover/autodiscover.xml`,
  });
}

interface Protocol {
  readonly type: "IMAP" | "SMTP";
  readonly server: string;
  readonly port: number;
  readonly encryption: "SSL" | "TLS";
}

/** Outlook takes one way to send. */
function protocolsOf(provider: Provider): readonly Protocol[] {
  const { clients: server, services } = provider;
  const smtp = outgoing(provider).slice(0, 1);
  return [
    ...(services.has("imaps") ? [{ type: "IMAP", server, port: IMAPS_PORT, encryption: "SSL" } as const] : []),
    ...smtp.map(({ port, tls }): Protocol => {
      return { type: "SMTP", server, port, encryption: tls === "implicit" ? "SSL" : "TLS" };
    }),
  ];
}

/** Without a login name Outlook takes the part before the @, so the address is repeated. */
function settings(address: string, protocols: readonly Protocol[]): Response {
  return answer(` xmlns="${OUTLOOK_NAMESPACE}"`, [
    `    <User><AutoDiscoverSMTPAddress>${escapeXml(address)}</AutoDiscoverSMTPAddress></User>`,
    "    <Account>",
    "      <AccountType>email</AccountType>",
    "      <Action>settings</Action>",
    ...protocols.flatMap(({ type, server, port, encryption }) => [
      "      <Protocol>",
      `        <Type>${type}</Type>`,
      `        <Server>${escapeXml(server)}</Server>`,
      `        <Port>${port}</Port>`,
      `        <LoginName>${escapeXml(address)}</LoginName>`,
      "        <DomainRequired>off</DomainRequired>",
      "        <SPA>off</SPA>",
      "        <SSL>on</SSL>",
      `        <Encryption>${encryption}</Encryption>`,
      "        <AuthRequired>on</AuthRequired>",
      "      </Protocol>",
    ]),
    "    </Account>",
  ]);
}

/** `Id` tells Exchange's servers apart; here there is one. */
function failure(error: keyof typeof ERRORS): Response {
  const { code, message } = ERRORS[error];
  const time = `${new Date().toISOString().slice(11, 23)}0000`;
  return answer("", [
    `    <Error Time="${time}" Id="1">`,
    `      <ErrorCode>${code}</ErrorCode>`,
    `      <Message>${escapeXml(message)}</Message>`,
    "      <DebugData />",
    "    </Error>",
  ]);
}

function answer(attributes: string, lines: readonly string[]): Response {
  const body = [
    `<Autodiscover xmlns="${RESPONSE_NAMESPACE}">`,
    `  <Response${attributes}>`,
    ...lines,
    "  </Response>",
    "</Autodiscover>",
  ];
  return xml(body.join("\n"), "no-store");
}

/** RFC 9110 §8.3.2. */
function charsetOf({ headers }: Request): string | undefined {
  return /;\s*charset="?([\w.:-]+)/i.exec(headers.get("content-type") ?? "")?.[1];
}

/** Undefined when there is more than can be a request. */
async function readBounded(request: Request): Promise<Uint8Array | undefined> {
  const read = new Uint8Array(MAX_REQUEST_BYTES);
  let size = 0;
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    // Leaving the loop cancels the rest.
    if (size + chunk.byteLength > MAX_REQUEST_BYTES) return undefined;
    read.set(chunk, size);
    size += chunk.byteLength;
  }
  return read.subarray(0, size);
}
