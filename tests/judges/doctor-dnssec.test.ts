import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { DnskeyData } from "dns-packet";

import { DnsClient } from "../../ops/doctor/dns/client";
import { isDigestOf, keyTag, signatureFault } from "../../ops/doctor/dns/dnssec";
import { temporaryFolder } from "../../sandbox/temporary";
import { toolPath } from "../../tools/go-tool";
import { listenOn } from "../doctor/port";
import { describeWith } from "../needs";
import { describeTool } from "../tools";

/** BIND signs, CoreDNS serves, the doctor judges: two readings of RFC 4034 that are not this program's. */
const ALGORITHMS = ["RSASHA256", "RSASHA512", "ECDSAP256SHA256", "ECDSAP384SHA384", "ED25519"] as const;
const ZONE = "example.org";
const DAY_MS = 86_400_000;
const SERVER = { name: "ns1.example.org", address: "127.0.0.1" };
/** Upper case in names, a wildcard, several records, strings of more than 255 bytes. */
const TEXT = `$ORIGIN ${ZONE}.
$TTL 300
@ SOA NS1.Example.ORG. Host.Example.ORG. 1 3600 600 604800 300
@ NS NS1.Example.ORG.
@ MX 20 Mail2.Example.ORG.
@ MX 10 Mail1.Example.ORG.
@ TXT "v=spf1 -all"
@ TXT "${"x".repeat(255)}" "${"y".repeat(45)}"
long TXT ${Array.from({ length: 5 }, () => `"${"z".repeat(255)}"`).join(" ")}
@ CAA 0 issue "letsencrypt.org"
ns1 A 127.0.0.1
_imaps._tcp SRV 0 1 993 Mail1.Example.ORG.
alias CNAME Mail1.Example.ORG.
*.wild TXT "any"
`;
const SETS = [
  [ZONE, "DNSKEY"],
  [ZONE, "SOA"],
  [ZONE, "NS"],
  [ZONE, "MX"],
  [ZONE, "TXT"],
  [ZONE, "CAA"],
  [`ns1.${ZONE}`, "A"],
  [`_imaps._tcp.${ZONE}`, "SRV"],
  [`alias.${ZONE}`, "CNAME"],
  [`some.wild.${ZONE}`, "TXT"],
] as const;

const folder = temporaryFolder();
afterAll(() => folder.remove());

function bind(program: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder.path, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
  return stdout.trim();
}

interface Signed {
  readonly client: DnsClient;
  readonly keys: readonly DnskeyData[];
  /** Of the key's DS file, as the registrar would get it. */
  readonly ds: readonly string[];
  readonly close: () => Promise<void>;
}

/** A zone that is signed with one algorithm and served. */
async function signed(algorithm: string, validity: readonly string[] = []): Promise<Signed> {
  const size = algorithm.startsWith("RSA") ? ["-b", "2048"] : [];
  const key = (flags: readonly string[]) => bind("dnssec-keygen", ["-q", "-a", algorithm, ...size, ...flags, ZONE]);
  const [entry, zoneKey] = [key(["-f", "KSK"]), key([])];
  const keyFiles = [entry, zoneKey].map((name) => readFileSync(join(folder.path, `${name}.key`), "utf8"));
  writeFileSync(join(folder.path, "zone"), `${TEXT}${keyFiles.join("")}`);
  bind("dnssec-signzone", ["-o", ZONE, ...validity, "-k", entry, "zone", zoneKey]);
  const ds = bind("dnssec-dsfromkey", ["-2", `${entry}.key`])
    .split(/\s+/)
    .slice(-4);
  let end: () => Promise<void> = () => Promise.resolve();
  const port = await listenOn(
    async (candidate) => {
      writeFileSync(
        join(folder.path, "Corefile"),
        `${ZONE}:${candidate} {\n  bind 127.0.0.1\n  file ${join(folder.path, "zone.signed")}\n}\n`,
      );
      const child = spawn(toolPath("coredns"), ["-conf", join(folder.path, "Corefile"), "-quiet"], { stdio: "ignore" });
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      end = async () => {
        child.kill("SIGKILL");
        await gone;
      };
      for (const stop = Date.now() + 10_000; ;) {
        const fresh = new DnsClient({ resolver: "127.0.0.1", resolverPort: candidate, port: candidate });
        if ((await fresh.ask(SERVER, ZONE, "SOA").catch(() => undefined))?.authoritative) break;
        if (Date.now() > stop) throw new Error("CoreDNS does not answer");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    () => void end(),
  );
  const client = new DnsClient({ resolver: "127.0.0.1", resolverPort: port, port });
  const { records } = await client.signed(SERVER, ZONE, "DNSKEY");
  const keys = records.flatMap((record) => (record.type === "DNSKEY" ? [record.data] : []));
  return { client, keys, ds, close: () => end() };
}

describeTool("coredns")("CoreDNS", () => {
  describeWith("dnssec-signzone", "On Debian: apt install bind9-utils")("with zones that BIND signed", () => {
    test.each(ALGORITHMS)("%s: every set's signature is found valid, the DS belongs to its key", async (algorithm) => {
      const { client, keys, ds, close } = await signed(algorithm);
      try {
        expect(keys).toHaveLength(2);
        for (const [name, type] of SETS) {
          const set = await client.signed(SERVER, name, type);
          expect([name, type, signatureFault(set, ZONE, keys, new Date())]).toEqual([name, type, undefined]);
        }
        const [tag, number, digestType, digest = ""] = ds;
        const signer = {
          keyTag: Number(tag),
          algorithm: Number(number),
          digestType: Number(digestType),
          digest: Buffer.from(digest, "hex"),
        };
        const owners = keys.filter((key) => isDigestOf(signer, ZONE, key));
        expect(owners.map(keyTag)).toEqual([Number(tag)]);
        expect(keys.filter((key) => isDigestOf(signer, "example.com", key))).toEqual([]);
      } finally {
        await close();
      }
    });

    test("a value that was changed, a key that is missing and a wrong time are seen", async () => {
      const { client, keys, close } = await signed("ECDSAP256SHA256");
      try {
        const set = await client.signed(SERVER, ZONE, "MX");
        const fault = (change: Partial<typeof set>, with_ = keys, now = new Date()) =>
          signatureFault({ ...set, ...change }, ZONE, with_, now);
        expect(fault({ records: set.records.slice(1) })).toMatch(/of MX by key \d+ is wrong/);
        expect(fault({ signatures: [] })).toBe("MX has no signature");
        expect(
          fault(
            {},
            keys.filter(({ flags }) => flags === 257),
          ),
        ).toMatch(/no such key/);
        expect(fault({}, keys, new Date(Date.now() + 40 * DAY_MS))).toMatch(/expired at/);
        expect(fault({}, keys, new Date(Date.now() - DAY_MS))).toMatch(/valid only from/);
        const other = { ...set, signatures: set.signatures.map((each) => ({ ...each, signersName: "example.com" })) };
        expect(signatureFault(other, ZONE, keys, new Date())).toMatch(/not the zone's own/);
      } finally {
        await close();
      }
    });

    test("an answer too long for a datagram is fetched over TCP", async () => {
      const { client, close } = await signed("ED25519");
      try {
        const { records } = await client.ask(SERVER, `long.${ZONE}`, "TXT");
        expect(records.map(({ value }) => value.length)).toEqual([5 * 255]);
      } finally {
        await close();
      }
    });
  });
});
