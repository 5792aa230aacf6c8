import { randomBytes } from "node:crypto";

import { RUN_HOURS } from "../../infra/backup/units";
import { DKIM_STAGES } from "./dkim";
import { type Change, type Config, type Rotation, RotationError } from "./rotation";

/** A changed Worker is everywhere at Cloudflare within seconds; a minute is ample. */
const WORKER_SPREAD_SECONDS = 60;
const TUNNEL_SECRET_BYTES = 32;
const PASSWORD_BYTES = 24;

export const ROTATIONS = {
  dkim: { what: "DKIM keys (three stages over 8 days)", stages: DKIM_STAGES },
  "worker-key": {
    what: "the API key with which the Worker stores mail",
    stages: [
      {
        name: "switch",
        title: "The host mints a key, the Worker gets it; the old one works",
        waitSeconds: 0,
        changes: (config) => numberAndKept(config, "mail:workerKeyNumber", "mail:workerKeyKept"),
        isForFurther: true,
      },
      {
        name: "withdraw",
        title: "The old key is withdrawn",
        waitSeconds: WORKER_SPREAD_SECONDS,
        changes: () => [{ key: "mail:workerKeyKept", remove: true }],
      },
    ],
  },
  "access-token": {
    what: "the service token that the Worker shows to Access",
    stages: [
      {
        name: "switch",
        title: "Access admits both tokens, then the Worker shows the new one",
        waitSeconds: 0,
        changes: (config) => numberAndKept(config, "mail:accessTokenNumber", "mail:accessTokenKept"),
        isForFurther: true,
      },
      {
        name: "withdraw",
        title: "Access admits the new one alone; the old one is deleted",
        waitSeconds: WORKER_SPREAD_SECONDS,
        changes: () => [{ key: "mail:accessTokenKept", remove: true }],
      },
    ],
  },
  "tunnel-token": {
    what: "the token with which the host opens the tunnel",
    stages: [
      {
        name: "switch",
        title: "Cloudflare has a new secret, cloudflared starts with it; mail waits in the spool for these seconds",
        waitSeconds: 0,
        changes: () => [secret("mail:tunnelSecret", randomBytes(TUNNEL_SECRET_BYTES).toString("base64"))],
      },
    ],
  },
  "certificate-token": {
    what: "the API token with which the host gets its certificate",
    stages: [
      {
        name: "switch",
        title: "Cloudflare has a new token, Traefik starts with it, the old one is deleted",
        waitSeconds: 0,
        changes: (config) => {
          if ((config.get("mail:acmeDnsToken") ?? "") === "")
            return [plain("mail:acmeTokenNumber", String(Number(config.get("mail:acmeTokenNumber") ?? "1") + 1))];
          throw new RotationError(
            "mail:acmeDnsToken is set, so the token is yours and not the program's. Nothing was changed. Make a new one in " +
              "Cloudflare's dashboard, then: pulumi config set --secret mail:acmeDnsToken < FILE",
          );
        },
      },
    ],
  },
  "resend-key": {
    what: "the relay's API key; the new one comes on standard input",
    given: "the new Resend API key, made on resend.com/api-keys with sending access",
    stages: [
      {
        name: "switch",
        title: "Stalwart starts with the new key; inbound mail waits in the spool for these seconds",
        waitSeconds: 0,
        changes: (config, { given }) => {
          if (given === undefined || !/^re_\S{8,}$/.test(given))
            throw new RotationError(
              "Standard input has no Resend API key, which begins with re_. Nothing was changed. " +
                'Make one on resend.com/api-keys, then: read -rs KEY && printf %s "$KEY" | npm run rotate -- resend-key --stack STACK',
            );
          if (given === config.get("mail:resendApiKey"))
            throw new RotationError(
              "That is the key in use. Nothing was changed. Make a new one on resend.com/api-keys",
            );
          return [secret("mail:resendApiKey", given)];
        },
      },
    ],
    byHand: "Send yourself a message outside, then delete the old key on resend.com/api-keys.",
  },
  aws: {
    what: "the backups' AWS access key (two stages over 12 hours)",
    stages: [
      {
        name: "switch",
        title: "IAM has a second key and the host uses it; the old one works for a backup that began with it",
        waitSeconds: 0,
        changes: (config) => {
          if (config.get("mail:backup") === "s3")
            return numberAndKept(config, "mail:backupKeyNumber", "mail:backupKeyKept");
          throw new RotationError(
            "mail:backup is not s3, so this stack has no AWS key. Nothing was changed. " +
              "The login of another repository is yours: cat | pulumi config set --secret mail:backupEnvironment",
          );
        },
      },
      {
        name: "withdraw",
        title: "The old key is deleted",
        waitSeconds: RUN_HOURS * 3_600,
        changes: () => [{ key: "mail:backupKeyKept", remove: true }],
      },
    ],
  },
  restic: {
    what: "the password that opens the backups",
    stages: [
      {
        name: "switch",
        title: "The host gives the repository a key for the new password, then takes the old one's away",
        waitSeconds: 0,
        changes: (config) => {
          const present = config.get("mail:backupPassword") ?? "";
          if (present === "" || (config.get("mail:backup") ?? "off") === "off")
            throw new RotationError(
              "mail:backup is off, so there is no repository whose password could change. Nothing was changed. " +
                "For backups see docs/backup.md",
            );
          // In this order: an `up` between the two finds a password that opens the repository.
          return [
            secret("mail:backupPasswordPrevious", present),
            secret("mail:backupPassword", randomBytes(PASSWORD_BYTES).toString("base64url")),
          ];
        },
      },
      {
        name: "forget",
        title: "The host forgets the old password",
        waitSeconds: 0,
        changes: () => [{ key: "mail:backupPasswordPrevious", remove: true }],
      },
    ],
    byHand:
      "The new password belongs into the recovery kit, in the place of the old one, which opens nothing any more: " +
      "npm run recovery-kit -- STACK --with-secrets",
  },
  "admin-password": {
    what: "the password of Stalwart's administrator",
    stages: [
      {
        name: "switch",
        title: "The administrator has a new password",
        waitSeconds: 0,
        // A digit at least, which one random text in a hundred lacks: Stalwart asks for strength.
        changes: () => [secret("mail:adminPassword", `${randomBytes(PASSWORD_BYTES).toString("base64url")}-7`)],
      },
    ],
    byHand: "See it with: pulumi config get mail:adminPassword",
  },
} as const satisfies Record<string, Rotation>;

export type RotationName = keyof typeof ROTATIONS;

export function isRotationName(name: string): name is RotationName {
  return Object.hasOwn(ROTATIONS, name);
}

/** One more, and the present one is kept. Every setting of a number begins with 1. */
function numberAndKept(config: Config, key: string, kept: string): readonly Change[] {
  const present = config.get(key) ?? "1";
  return [plain(key, String(Number(present) + 1)), plain(kept, present)];
}

function plain(key: string, value: string): Change {
  return { key, value, secret: false };
}

function secret(key: string, value: string): Change {
  return { key, value, secret: true };
}
