import { generateKeyPairSync, randomBytes } from "node:crypto";

import { readStackFile } from "../infra/settings/stack-file";

/** What a stack file keeps secret or leaves to the operator, invented for one run: no real account is ever touched. */
export interface StandIns {
  /** Bare key -> plain value as Pulumi hands it over (lists as JSON). */
  readonly values: Readonly<Record<string, string>>;
  /** Bare key -> plaintext. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The API token that the model's account accepts. */
  readonly apiToken: string;
}

/** Invents a value for everything that the stack file encrypts or does not have. */
export function standIns(stack: string): StandIns {
  const { raw } = readStackFile(stack);
  const invented: Record<string, string> = {
    accountId: hex(32),
    hostAddress: "192.0.2.10",
    hostUser: "mail",
    hostKey: `ssh-ed25519 ${ed25519Blob()}`,
    resendRecords: JSON.stringify(resendRecords()),
  };
  return {
    values: Object.fromEntries(Object.entries(invented).filter(([key]) => (raw.get(key)?.text ?? "") === "")),
    secrets: {
      dkimRsaPrivateKey: generateKeyPairSync("rsa", { modulusLength: 2048 })
        .privateKey.export({ type: "pkcs8", format: "pem" })
        .toString(),
      dkimEd25519PrivateKey: ed25519Pem(),
      resendApiKey: `re_${hex(24)}`,
      adminPassword: randomBytes(18).toString("base64url"),
      accountPassword: randomBytes(18).toString("base64url"),
      hostSshPrivateKey: ed25519Pem(),
    },
    apiToken: randomBytes(30).toString("hex").slice(0, 40),
  };
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

function ed25519Pem(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** RFC 8709 section 4: the algorithm's name and the 32 bytes of the key, each with its length. */
function ed25519Blob(): string {
  const key = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  return Buffer.concat([
    Buffer.from([0, 0, 0, 11]),
    Buffer.from("ssh-ed25519"),
    Buffer.from([0, 0, 0, 32]),
    key,
  ]).toString("base64");
}

function hex(digits: number): string {
  return randomBytes(digits).toString("hex").slice(0, digits);
}
