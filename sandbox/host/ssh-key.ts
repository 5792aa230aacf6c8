import ssh2 from "ssh2";

/** Bytes of an Ed25519 key (RFC 8709 section 4) after its name, in SSH's form: a length and 32 bytes. */
const PUBLIC_BYTES = 4 + "ssh-ed25519".length + 4 + 32;

/** An SSH key as OpenSSH writes it. */
export interface SshKeyPair {
  /** `ssh-ed25519 BASE64` */
  readonly public: string;
  readonly private: string;
}

/**
 * A new Ed25519 key. ssh2 drops the zeros that a public key begins with, which makes one of 256 unreadable
 * (mscdex/ssh2#1513): such a key is drawn again.
 */
export function sshKeyPair(): SshKeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519");
    if (Buffer.from(pair.public.split(" ")[1] ?? "", "base64").length === PUBLIC_BYTES) return pair;
  }
}
