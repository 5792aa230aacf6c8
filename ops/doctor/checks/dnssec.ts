import type { DnskeyData } from "dns-packet";

import { type Check, error, ok, skipped, warning } from "../check";
import type { Context, Deployment, NameServer } from "../context";
import { type DelegationSigner, isDigestOf, keyTag, signatureFault } from "../dns/dnssec";
import { publicCheck } from "./ask";
import { ZONE_ANSWERS } from "./delegation";

/** Sets of the zone whose signatures stand for all: keys, the zone itself, where mail goes. */
const SIGNED_SETS = ["DNSKEY", "SOA", "MX"] as const;

/** The chain of trust: DS at the registry, key, signatures, what a validating resolver makes of it. */
export function dnssecChecks({ stack, settings: { domain } }: Deployment): readonly Check[] {
  const area = "delegation";
  const enter = `Enter the DS record at the registrar: pulumi stack output dnssecDs --stack ${stack}`;
  return [
    publicCheck({
      id: "dnssec.ds",
      area,
      title: "The registry has a DS record",
      why: "Without it the zone's signatures prove nothing, and answers can be forged (RFC 4034 section 5).",
      needs: [ZONE_ANSWERS],
      run: async ({ dns }) => {
        const { ds, parent } = await dns.delegation(domain);
        if (ds.length > 0) return ok(ds.map(({ value }) => value).join(", "));
        return {
          ...warning(`${parent} has no DS record of ${domain}`, "the DS record of the zone", enter),
          closes: true,
        };
      },
    }),
    publicCheck({
      id: "dnssec.key",
      area,
      title: "The DS record is the digest of a key of the zone",
      why: "A DS record without its key makes the whole domain vanish for validating resolvers (RFC 4035 section 5).",
      needs: ["dnssec.ds"],
      run: async (context) => {
        const { ds, servers } = await context.dns.delegation(domain);
        const signers = ds.map(({ value }) => signerOf(value));
        for (const server of servers) {
          const keys = await keysOf(context, server, domain);
          if (!signers.some((signer) => keys.some((key) => isDigestOf(signer, domain, key))))
            return error(
              `DS ${ds.map(({ value }) => value).join(", ")}; ${server.name} has the keys ${keys.map(keyTag).join(", ") || "none"}`,
              "a DS record whose digest is that of a key",
              `${enter}, and remove the one that is there.`,
            );
        }
        return ok(`key ${signers.map((signer) => signer.keyTag).join(", ")}`);
      },
    }),
    publicCheck({
      id: "dnssec.signatures",
      area,
      title: "Signatures of keys, zone and MX are valid now",
      why: "What is signed wrongly is no answer for a validating resolver: senders would not find the MX.",
      needs: ["dnssec.key"],
      run: async (context) => {
        const { ds, servers } = await context.dns.delegation(domain);
        const signers = ds.map(({ value }) => signerOf(value));
        for (const server of servers) {
          const keys = await keysOf(context, server, domain);
          const anchored = keys.filter((key) => signers.some((signer) => isDigestOf(signer, domain, key)));
          for (const type of SIGNED_SETS) {
            const set = await context.dns.signed(server, domain, type);
            const fault = signatureFault(set, domain, type === "DNSKEY" ? anchored : keys, context.now);
            // A zone may lack an MX; that is another check's finding.
            if (fault !== undefined && !(type === "MX" && set.records.length === 0))
              return error(
                `${server.name}: ${fault}`,
                "a signature by a key of the zone, valid now",
                "Look at the clock of this machine first. If it is right: Cloudflare's dashboard, DNS > Settings > DNSSEC, " +
                  "and Cloudflare's status page; a zone that Cloudflare signs cannot be mended from here.",
              );
          }
        }
        return ok(SIGNED_SETS.join(", "));
      },
    }),
    publicCheck({
      id: "dnssec.chain",
      area,
      title: "A validating resolver trusts the zone",
      why: "It checks the chain from the root, which is more than one zone's own part of it (RFC 4035).",
      needs: ["dnssec.signatures"],
      run: async ({ dns }) => {
        const answer = await dns.resolve(domain, "SOA");
        if (answer.authenticated) return ok("answer with the AD bit");
        if (answer.code === "SERVFAIL")
          return error(
            "SERVFAIL",
            "an answer with the AD bit",
            `See where the chain breaks: https://dnsviz.net/d/${domain}/`,
          );
        // No better resolver is asked behind the operator's back.
        if (!(await dns.resolve("", "SOA")).authenticated)
          return skipped("this resolver does not validate; name one that does: --resolver 1.1.1.1");
        return error(
          "an answer without the AD bit",
          "an answer with it",
          `See where the chain breaks: https://dnsviz.net/d/${domain}/`,
        );
      },
    }),
  ];
}

async function keysOf({ dns }: Context, server: NameServer, zone: string): Promise<readonly DnskeyData[]> {
  const { records } = await dns.signed(server, zone, "DNSKEY");
  return records.flatMap((record) => (record.type === "DNSKEY" ? [record.data] : []));
}

/** From the spelling of {@link DnsRecord}: tag, algorithm, digest type, digest. */
function signerOf(value: string): DelegationSigner {
  const [tag, algorithm, digestType, digest = ""] = value.split(" ");
  return {
    keyTag: Number(tag),
    algorithm: Number(algorithm),
    digestType: Number(digestType),
    digest: Buffer.from(digest, "hex"),
  };
}
