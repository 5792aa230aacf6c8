import { type Check, error, ok } from "../check";
import type { Deployment } from "../context";
import { list, publicCheck } from "./ask";

/** Later checks of the zone need this one. */
export const ZONE_ANSWERS = "delegation.servers";
/** Whatever asks the resolver needs this one. */
export const RESOLVER_ANSWERS = "delegation.resolver";

const CLOUDFLARE = ".ns.cloudflare.com";

/** From the registry down to the zone's own servers. */
export function delegationChecks({ settings: { domain } }: Deployment): readonly Check[] {
  const area = "delegation";
  return [
    publicCheck({
      id: RESOLVER_ANSWERS,
      area,
      title: "The resolver answers",
      why: "Every question about names begins with it.",
      needs: [],
      run: async ({ dns }) => {
        const { code } = await dns.resolve(domain.slice(domain.lastIndexOf(".") + 1), "NS");
        if (code === "NOERROR") return ok("it does");
        return error(`it answers ${code}`, "NOERROR", "Name another one: --resolver ADDRESS");
      },
    }),
    publicCheck({
      id: "delegation.exists",
      area,
      title: "The registry knows the domain",
      why: "Without a delegation nobody finds any record of the domain, and its mail bounces.",
      needs: [RESOLVER_ANSWERS],
      run: async ({ dns }) => {
        const { names, parent } = await dns.delegation(domain);
        if (names.length > 0) return ok(list(names));
        return error(
          `the servers of ${parent} name no server for ${domain}`,
          "the name servers of the zone at Cloudflare",
          "Renew the domain, or enter Cloudflare's name servers, at its registrar.",
        );
      },
    }),
    publicCheck({
      id: "delegation.cloudflare",
      area,
      title: "The zone is Cloudflare's",
      why: "What the program declares takes effect only where the registry sends people.",
      needs: ["delegation.exists"],
      run: async ({ dns }) => {
        const { names } = await dns.delegation(domain);
        const others = names.filter((name) => !name.endsWith(CLOUDFLARE));
        if (others.length === 0) return ok(list(names));
        return error(
          list(others),
          `names ending in ${CLOUDFLARE}`,
          "Enter only the two name servers that Cloudflare's dashboard shows for the zone at the registrar.",
        );
      },
    }),
    publicCheck({
      id: ZONE_ANSWERS,
      area,
      title: "Each of its name servers answers for the zone",
      why: "A resolver takes any of them; a silent or foreign one makes mail fail now and then.",
      needs: ["delegation.cloudflare"],
      run: async ({ dns }) => {
        const { names, servers } = await dns.delegation(domain);
        const faults = names
          .filter((name) => !servers.some((server) => server.name === name))
          .map((name) => `${name} has no address`);
        await Promise.all(
          servers.map(async (server) => {
            try {
              const { code, authoritative } = await dns.ask(server, domain, "SOA");
              if (code !== "NOERROR") faults.push(`${server.name} answers ${code}`);
              else if (!authoritative) faults.push(`${server.name} does not own the zone`);
            } catch {
              faults.push(`${server.name} is silent`);
            }
          }),
        );
        if (faults.length === 0) return ok(`${servers.length} of ${names.length}`);
        return error(
          list(faults),
          "an authoritative answer of each",
          "Compare the name servers at the registrar with those in Cloudflare's dashboard (DNS > Records).",
        );
      },
    }),
    publicCheck({
      id: "delegation.equal",
      area,
      title: "Registry and zone name the same servers",
      why: "Where they differ, some resolvers ask servers that the zone has left (RFC 1034 section 4.2.2).",
      needs: [ZONE_ANSWERS],
      run: async ({ dns }) => {
        const { names, servers } = await dns.delegation(domain);
        for (const server of servers) {
          const { records } = await dns.ask(server, domain, "NS");
          const own = list(records.map(({ value }) => value));
          if (own !== list(names))
            return error(
              `${list(names)} at the registry`,
              `${own} as ${server.name} says`,
              `Enter ${own} as name servers at the registrar.`,
            );
        }
        return ok(list(names));
      },
    }),
  ];
}
