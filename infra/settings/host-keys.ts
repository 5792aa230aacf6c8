import type { ConfigKey } from "./config-key";

/** Keys of the edge's secrets, the docker host and the ways in for clients. */
export const HOST_KEYS = {
  accessTokenNumber: {
    type: "integer",
    ofHost: true,
    description:
      "Number of the service token that the Worker shows to Cloudflare Access, 1 to 9999. `npm run rotate -- access-token --stack prod` raises it.",
    default: 1,
    example: "2",
  },
  accessTokenKept: {
    type: "integer",
    ofHost: true,
    description: "Number of the former service token that Access still admits, 1 to 9999; 0 for none.",
    default: 0,
    example: "0",
  },
  tunnelSecret: {
    type: "string",
    ofHost: true,
    description:
      "The tunnel's secret: at least 32 random bytes in base64. Without it Cloudflare chooses one. `npm run rotate -- tunnel-token --stack prod` writes it.",
    default: "",
    derived: "Cloudflare's own choice; secret",
    encrypted: true,
    example: "...",
    input: { pipe: "openssl rand -base64 32" },
  },
  hostAddress: {
    type: "string",
    ofHost: true,
    description: "The docker host's address for SSH: a name or an IP address.",
    example: "192.0.2.10",
  },
  hostPort: {
    type: "integer",
    ofHost: true,
    description: "The docker host's SSH port, 1 to 65535.",
    default: 22,
    example: "22",
  },
  hostUser: {
    type: "string",
    ofHost: true,
    description: "The user on the docker host, member of the group docker.",
    example: "mail",
  },
  hostKey: {
    type: "string",
    ofHost: true,
    description:
      "The docker host's Ed25519 host key in authorized_keys form (the first two words of `/etc/ssh/ssh_host_ed25519_key.pub`, read on its console).",
    example: "ssh-ed25519 AAAAC3Nz...",
  },
  hostSshPrivateKey: {
    type: "string",
    ofHost: true,
    description: "SSH private key for the docker host, unencrypted OpenSSH or PEM form.",
    secret: true,
    example: "...",
    input: { file: "~/.ssh/id_ed25519" },
  },
  hostFolder: {
    type: "string",
    ofHost: true,
    description: "Folder of the mail services on the host, below the user's home.",
    default: "apps",
    example: "apps",
  },
  hostSubnet: {
    type: "string",
    ofHost: true,
    description: "Private IPv4 /24 for the compose networks; nothing else on the host may use it.",
    default: "172.30.25.0/24",
    example: "10.99.25.0/24",
  },
  tailnet: {
    type: "string",
    ofHost: true,
    description:
      "How phones reach IMAP and submission over a tailnet: `split-dns` (the server's name, resolved on the tailnet), `dns-record` (`imap.<domain>`, a public record of the tailnet address), or `off`.",
    default: "off",
    example: "dns-record",
  },
  tailnetTag: {
    type: "string",
    ofHost: true,
    description: "The tag that the host has in the tailnet; the tailnet's policy must name an owner for it.",
    default: "tag:mail",
    example: "tag:mail",
  },
  tailnetHostname: {
    type: "string",
    ofHost: true,
    description: "The host's machine name in the tailnet.",
    default: "mail",
    example: "mail",
  },
  tailnetPolicy: {
    type: "string",
    ofHost: true,
    description:
      "`output` shows what the tailnet's policy file needs as the stack's output `tailnetPolicy`; `manage` adds it to the file, which has to be imported first (docs/phone.md).",
    default: "output",
    example: "output",
  },
  tailnetKeyNumber: {
    type: "integer",
    ofHost: true,
    description:
      "Number of the key with which the host joins the tailnet, 1 to 9999. Each works once; one more makes the host join anew as another machine (lost state, expired key, other tag).",
    default: 1,
    example: "2",
  },
  clientTcp: {
    type: "array",
    ofHost: true,
    description:
      "Services for laptops through the Cloudflare tunnel (`cloudflared access tcp`): `imaps`, `submissions`, `sieve`.",
    default: [],
    example: '["imaps","submissions"]',
  },
  clientPeople: {
    type: "array",
    ofHost: true,
    description:
      "Addresses of the people whom Cloudflare Access lets use `clientTcp` and the web interface (`adminAccess`).",
    default: [],
    derived: "the primary address",
    example: '["me@example.org"]',
  },
  adminAccess: {
    type: "string",
    ofHost: true,
    description:
      "Who can reach the web interface (`/admin`, `/account`) at the public name: `access` (the people in `clientPeople`, after a login at Cloudflare Access), `public` (everybody) or `tailnet` (nobody: it is on the tailnet only). Access sends its one-time codes by mail. Put an address on another server into `clientPeople`, or you cannot log in while this one is down.",
    default: "access",
    example: "access",
  },
  acmeTokenNumber: {
    type: "integer",
    ofHost: true,
    description:
      "Number of the API token with which Traefik proves to the certificate authority that the domain is yours, 1 to 9999. Each token expires after a year. `npm run rotate -- certificate-token` raises it.",
    default: 1,
    example: "2",
  },
  acmeDnsToken: {
    type: "string",
    ofHost: true,
    description:
      "An API token for the certificate's DNS challenge, made by hand (Zone Read and DNS Write on one zone). With it the program makes no such token, and its own token does not need `Account API Tokens Write`.",
    default: "",
    derived: "made by the program; secret",
    encrypted: true,
    example: "FILE",
  },
  acmeZone: {
    type: "string",
    ofHost: true,
    description:
      "Another zone of the account, used only for the certificate's challenges: CNAME records lead them there, and the token on the host can change no other zone. Without it the token can change the whole zone of the mail domain.",
    default: "",
    derived: "the mail domain's own zone",
    example: "acme-example.net",
  },
} as const satisfies Record<string, ConfigKey>;
