import { parseArgs } from "node:util";

import type { Signer } from "./sign";
import { ownSystem, type System, SYSTEMS } from "./os";

export const USAGE = `Usage: npm run client -- laptop|iphone|sheet --stack NAME [options]

Settings for mail clients, made from the stack file. No password is in any of
them, and no account is needed.

  laptop   units that keep \`cloudflared access tcp\` running on a laptop, and
           what its mail program is told
  iphone   a configuration profile for iPhone, iPad and Mac, and a QR code
           that leads to the one that the deployment serves
  sheet    one page with all ways in, as HTML and as text

  --stack NAME        name of the stack: prod reads Pulumi.prod.yaml
  --address ADDRESS   whose settings (default: the primary address)
  --out FOLDER        where files are written (default: client)
  --os SYSTEM         laptop: linux, macos or windows (default: this one's)
  --sign-key FILE     iphone: signs with this private key (PEM) and
  --sign-cert FILE    this certificate (PEM), with openssl
  --sign-chain FILE   intermediate certificates (PEM)
  --light             iphone: QR code for a terminal with a light background
  --json              prints JSON
  --help              this text

Exit codes: 0 written, 1 the stack file cannot be used or does not offer this,
2 wrong arguments.
`;

export const WHAT = ["laptop", "iphone", "sheet"] as const;

export interface Asked {
  readonly what: (typeof WHAT)[number];
  readonly stack: string;
  readonly address: string | undefined;
  readonly out: string;
  readonly system: System;
  readonly signer: Signer | undefined;
  readonly isLight: boolean;
  readonly isJson: boolean;
}

/** The arguments, "help", or what is wrong with them. */
export function argumentsOf(argv: readonly string[]): Asked | "help" | { readonly fault: string } {
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], allowPositionals: true, options: OPTIONS });
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
  const { values, positionals } = parsed;
  if (values.help) return "help";
  const what = WHAT.find((each) => each === positionals[0]);
  if (what === undefined || positionals.length > 1)
    return { fault: `One of ${WHAT.join(", ")} is needed; given: ${positionals.join(" ") || "nothing"}.` };
  const { stack, address, out, json: isJson, light: isLight } = values;
  if (stack === undefined || stack === "") return { fault: "--stack is missing. It names the stack file to read." };
  const system = values.os === undefined ? ownSystem() : SYSTEMS.find((each) => each === values.os);
  if (system === undefined) return { fault: `--os ${values.os ?? ""} is unknown. Allowed: ${SYSTEMS.join(", ")}.` };
  const { "sign-key": key, "sign-cert": certificate, "sign-chain": chain } = values;
  if ((key === undefined) !== (certificate === undefined))
    return { fault: "--sign-key and --sign-cert belong together: a signature needs both." };
  const signer = key === undefined || certificate === undefined ? undefined : { key, certificate, chain };
  if (signer === undefined && chain !== undefined)
    return { fault: "--sign-chain is of no use without --sign-key and --sign-cert." };
  return { what, stack, address, out, system, signer, isLight, isJson };
}

const OPTIONS = {
  stack: { type: "string" },
  address: { type: "string" },
  out: { type: "string", default: "client" },
  os: { type: "string" },
  "sign-key": { type: "string" },
  "sign-cert": { type: "string" },
  "sign-chain": { type: "string" },
  light: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;
