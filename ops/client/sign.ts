import { spawnSync } from "node:child_process";

/** What the signer needs, as paths of PEM files. */
export interface Signer {
  readonly key: string;
  readonly certificate: string;
  /** Intermediate certificates. */
  readonly chain: string | undefined;
}

/** The profile could not be signed. */
export class SigningError extends Error {
  override readonly name = "SigningError";
}

/**
 * The profile in signed form: CMS SignedData in DER with the content inside (RFC 5652), as Apple's devices take it. `openssl`
 * asks for the key's passphrase at the terminal when it has one.
 *
 * @throws SigningError when openssl is not there or refuses the key
 */
export function signed(profile: string, { key, certificate, chain }: Signer): Buffer {
  const args = [
    ...["cms", "-sign", "-binary", "-nodetach", "-outform", "der", "-md", "sha256"],
    ...["-signer", certificate, "-inkey", key],
    ...(chain === undefined ? [] : ["-certfile", chain]),
  ];
  const { status, stdout, stderr, error } = spawnSync("openssl", args, { input: profile });
  if (error)
    throw new SigningError(
      `openssl does not start (${error.message}). The profile is not signed. Install openssl and run the command again.`,
    );
  if (status === 0) return stdout;
  throw new SigningError(
    `openssl refuses to sign: ${stderr.toString().trim().split("\n")[0] ?? ""}. The profile is not signed. ` +
      "Check that --sign-key is the private key of the certificate in --sign-cert, both in PEM form.",
  );
}
