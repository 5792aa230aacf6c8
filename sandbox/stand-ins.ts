import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto";
import { createServer } from "node:net";

import { readStackFile } from "../infra/settings/stack-file";
import { sshKeyPair } from "./host/ssh-key";

/** What a stack file keeps secret or leaves to the operator, invented for one run: no real account is ever touched. */
export interface StandIns {
  /** Bare key -> plain value as Pulumi hands it over (lists as JSON). */
  readonly values: Readonly<Record<string, string>>;
  /** Bare key -> plaintext. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The API token that the model's account accepts. */
  readonly apiToken: string;
  /** What the host at home has of its own. */
  readonly host: {
    /** Private, in OpenSSH's form. */
    readonly hostKey: string;
    /** Whoever has the other half may log in. */
    readonly authorizedKey: string;
  };
}

/**
 * Invents a value for everything that the stack file encrypts or does not have.
 * @param instead bare key -> value in place of the stack file's own
 */
export function standIns(stack: string, instead: Readonly<Record<string, string>> = {}): StandIns {
  const { raw } = readStackFile(stack);
  const invented: Record<string, string> = {
    accountId: hex(32),
    hostUser: "mail",
    resendRecords: JSON.stringify(resendRecords()),
  };
  const hostKey = sshKeyPair();
  const userKey = sshKeyPair();
  // Also in the place of a stack file's own: no run may reach a real host.
  const host = { hostAddress: "127.0.0.1", hostPort: String(freePort()), hostKey: hostKey.public };
  return {
    values: {
      ...Object.fromEntries(Object.entries(invented).filter(([key]) => (raw.get(key)?.text ?? "") === "")),
      ...host,
      ...instead,
    },
    secrets: {
      dkimRsaPrivateKey: rsaPem(),
      dkimEd25519PrivateKey: ed25519Pem(),
      resendApiKey: `re_${hex(24)}`,
      adminPassword: password(),
      accountPassword: password(),
      backupPassword: password(),
      hostSshPrivateKey: userKey.private,
    },
    apiToken: randomBytes(30).toString("hex").slice(0, 40),
    host: { hostKey: hostKey.private, authorizedKey: userKey.public },
  };
}

/**
 * Invents what the stack of a further domain needs of its own.
 * @param hostStack the stack that has the host
 */
export function furtherStandIns(domain: string, hostStack: string, host: StandIns): StandIns {
  return {
    ...host,
    values: {
      domain,
      hostStack,
      primaryAddress: `root@${domain}`,
      dkimRsaSelector: "202611r",
      dkimEd25519Selector: "202611e",
      resendRecords: JSON.stringify(resendRecords()),
    },
    secrets: {
      dkimRsaPrivateKey: rsaPem(),
      dkimEd25519PrivateKey: ed25519Pem(),
      accountPassword: password(),
    },
  };
}

/** Random letters alone would be too weak for Stalwart, which one in a hundred would be without the digit. */
function password(): string {
  return `${randomBytes(18).toString("base64url")}-7`;
}

/** Of the shape that Resend's API answers for a domain (GET /domains/{id}, `records`). */
function resendRecords(): readonly object[] {
  const key = generateKeyPairSync("rsa", { modulusLength: 1024 })
    .publicKey.export({ type: "spki", format: "der" })
    .toString("base64");
  return [
    { record: "SPF", name: "send", type: "MX", value: "feedback-smtp.eu-west-1.amazonses.com", priority: 10 },
    { record: "SPF", name: "send", type: "TXT", value: "v=spf1 include:amazonses.com ~all" },
    { record: "DKIM", name: "resend._domainkey", type: "TXT", value: `p=${key}` },
  ];
}

function rsaPem(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function ed25519Pem(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Below those that systems give to outgoing connections, so that none takes it before or between runs. */
const PORTS = { first: 20_000, count: 12_000 };

/** A port that is free now; the host's SSH server takes it. Without a host name `listen` binds at once, or not at all. */
function freePort(): number {
  for (;;) {
    const port = PORTS.first + randomInt(PORTS.count);
    const server = createServer().on("error", () => undefined);
    const isFree = server.listen(port).address() !== null;
    server.close();
    if (isFree) return port;
  }
}

function hex(digits: number): string {
  return randomBytes(digits).toString("hex").slice(0, digits);
}
