import type { MailRecord } from "../../infra/dns/record";
import type { FurtherSettings, Settings } from "../../infra/settings/settings";
import type { Props } from "../adopt/props";
import type { SpoolObjects } from "../spool/objects";
import type { Credential } from "./check";
import type { SignedSet } from "./dns/dnssec";

/** What is checked: the stack's own data, as the program has it. */
export interface Deployment {
  /** `prod`. */
  readonly stack: string;
  /** Secrets that are not at hand are stand-ins; a check that reads one lists the credential `secrets`. */
  readonly settings: Settings | FurtherSettings;
  /** Of `mailRecords(settings)`: the same that the program declares. */
  readonly records: readonly MailRecord[];
  /** The stack's outputs; empty without the credential `state`. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Of further domains on its host, as far as their stack files are here: the stack of each domain. */
  readonly further: ReadonlyMap<string, string>;
}

/** One whose stack has the host; a further domain has only what is its own. */
export interface HostDeployment extends Deployment {
  readonly settings: Settings;
}

export function hasHost(deployment: Deployment): deployment is HostDeployment {
  return hostStackOf(deployment) === undefined;
}

/** The stack that has the host of a further domain. */
export function hostStackOf({ settings }: Deployment): string | undefined {
  return "hostStack" in settings ? settings.hostStack : undefined;
}

/** What a check works with. Clients ask once: the same question of two checks is one question to the world. */
export interface Context {
  readonly deployment: Deployment;
  readonly now: Date;
  readonly dns: Dns;
  readonly web: Web;
  readonly net: Net;
  /** Throws on every call without the credential `cloudflare`. */
  readonly cloudflare: CloudflareApi;
  /** Throws on every call without the credential `ssh`. */
  readonly ssh: Ssh;
  /** Throws on every call without the credential `jmap`. */
  readonly jmap: Jmap;
  /** Nobody asks it without the credential `canary`. */
  readonly canary: Canary;
  /** Why a credential is not there; a check that lists it is skipped with this reason. */
  readonly missing: ReadonlyMap<Credential, string>;
}

/** RFC 1035 names, lower case without trailing dot. */
export type RecordType = "A" | "AAAA" | "CAA" | "CNAME" | "DNSKEY" | "DS" | "MX" | "NS" | "SOA" | "SRV" | "TXT";

export interface DnsRecord {
  readonly name: string;
  readonly type: RecordType;
  /** Seconds. */
  readonly ttl: number;
  /** Presentation form: host names lower case without trailing dot, TXT joined and unquoted. */
  readonly value: string;
}

export interface DnsAnswer {
  /** `NOERROR`, `NXDOMAIN`, `REFUSED`, ... */
  readonly code: string;
  /** The server says that it owns the zone. */
  readonly authoritative: boolean;
  /** The resolver says that it has validated the signatures (RFC 4035). */
  readonly authenticated: boolean;
  /** The records of the question's name and type. */
  readonly records: readonly DnsRecord[];
  /** The alias's target, when the name is one. */
  readonly alias: string | undefined;
  /** The referral: NS of the authority section. */
  readonly referral: readonly DnsRecord[];
}

export interface NameServer {
  readonly name: string;
  readonly address: string;
}

/** What the servers of the parent zone say about a zone. */
export interface Delegation {
  /** `ai` for `augustin.ai`. */
  readonly parent: string;
  /** Names of the zone's servers, sorted; none: the zone does not exist there. */
  readonly names: readonly string[];
  /** Those of them that have an address, each with one. */
  readonly servers: readonly NameServer[];
  readonly ds: readonly DnsRecord[];
}

export interface Dns {
  /** Asks the resolver, with recursion. */
  resolve(name: string, type: RecordType): Promise<DnsAnswer>;
  /** Asks one server, without recursion. */
  ask(server: NameServer, name: string, type: RecordType): Promise<DnsAnswer>;
  delegation(zone: string): Promise<Delegation>;
  /** A record set of one server with its signatures; ops/doctor/dns/dnssec.ts judges it. */
  signed(server: NameServer, name: string, type: RecordType): Promise<SignedSet>;
}

export interface Certificate {
  readonly notAfter: Date;
  readonly names: readonly string[];
  readonly issuer: string;
  /** Undefined: trusted and made for the name. */
  readonly fault: string | undefined;
}

export interface WebAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Web {
  /** Does not follow redirects. @throws Unreachable when there is no HTTP answer */
  get(url: string, headers?: Readonly<Record<string, string>>): Promise<WebAnswer>;
}

/** No connection came to be: nobody listens, or a network on the way forbids it. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

export interface Net {
  /** The address that this machine itself finds for the name; undefined: none. */
  lookup(hostname: string): Promise<string | undefined>;
  /** Connects to an address over TCP and hangs up. @throws Unreachable */
  reach(address: string, port: number): Promise<void>;
  /**
   * The certificate that the server shows for the name; `smtp` upgrades by STARTTLS first (RFC 3207).
   * @throws Unreachable
   */
  certificate(hostname: string, port: number, start?: "smtp"): Promise<Certificate>;
}

/** https://api.cloudflare.com/client/v4 with the operator's token. Both throw with Cloudflare's own errors, told. */
export interface CloudflareApi {
  /** `result` of GET, undefined when there is no such object; `path` begins with `/` (`/zones/ID/email/routing`). */
  get(path: string): Promise<Props | undefined>;
  /** All pages of a list; `items` finds them in the result when they are not the result itself. */
  list(path: string, items?: (result: unknown) => unknown): Promise<readonly Props[]>;
  /** The main module of a Worker as it is deployed; undefined when there is no such Worker. */
  script(name: string): Promise<string | undefined>;
  /** The spool's bucket; only `list` and `get` are asked. */
  readonly spool: Pick<SpoolObjects, "list" | "get">;
}

export interface SshAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The host as `mail:hostUser`, its key checked. One connection for all checks. */
export interface Ssh {
  /** Runs a bash script by its standard input; it must change nothing. */
  run(script: string): Promise<SshAnswer>;
}

/** One mail through the whole path. */
export interface Canary {
  /** Hands it to the relay; the HTTP status of its answer. */
  send(): Promise<number>;
  /** How long it may be on its way, in milliseconds. */
  readonly arrivalMs: number;
  /** Waits so long for it to be in the mailbox. @throws LoginRefused */
  arrived(): Promise<boolean>;
}

/** Stalwart as its administrator. */
export interface Jmap {
  /** `methodResponses` of one request, in order: [name, arguments, id]. */
  call(
    using: readonly string[],
    calls: readonly (readonly [string, object, string])[],
  ): Promise<readonly (readonly [string, Readonly<Record<string, unknown>>, string])[]>;
}
