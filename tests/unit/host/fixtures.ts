import { hostFiles } from "../../../infra/host/files";
import { Secret } from "../../../infra/settings/secret";
import type { Settings } from "../../../infra/settings/settings";
import { augustin } from "../dns/fixtures";

export const EDGE_SECRETS = {
  tunnelToken: "tunnel-token-value",
  acmeDnsToken: "acme-token-value",
  tailnetKey: "tskey-auth-value",
};

/** What must appear in no file that others may read. */
export const SECRETS = {
  ...EDGE_SECRETS,
  rsa: "rsa-key-value",
  ed25519: "ed25519-key-value",
  resend: "resend-key-value",
  admin: "admin-password-value",
  account: "account-password-value",
  ssh: "ssh-key-value",
};

/** The documented deployment with secrets that a test can find again. */
export function documented(changes: Partial<Settings> = {}): Settings {
  const { dkim, resend, stalwart, host, ...rest } = augustin();
  return {
    ...rest,
    dkim: {
      rsa: { ...dkim.rsa, privateKey: new Secret(SECRETS.rsa) },
      ed25519: { ...dkim.ed25519, privateKey: new Secret(SECRETS.ed25519) },
      published: [],
    },
    resend: { ...resend, apiKey: new Secret(SECRETS.resend) },
    stalwart: {
      ...stalwart,
      adminPassword: new Secret(SECRETS.admin),
      accountPassword: new Secret(SECRETS.account),
    },
    host: { ...host, sshPrivateKey: new Secret(SECRETS.ssh) },
    ...changes,
  };
}

export function documentedFiles(settings = documented(), secrets = EDGE_SECRETS) {
  return hostFiles(settings, secrets);
}
