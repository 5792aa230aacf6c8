import { type Check, error, ok } from "../check";
import { type Deployment, hasHost } from "../context";
import { askAll, converge, list, publicCheck, worst } from "./ask";
import { ZONE_ANSWERS } from "./delegation";

/** The authority that Traefik on the host asks (infra/host/traefik/static.ts). */
const HOST_ISSUER = "letsencrypt.org";

/** Nothing when the stack file restricts nobody. */
export function caaChecks(deployment: Deployment): readonly Check[] {
  const { domain, caaIssuers } = deployment.settings;
  if (caaIssuers.length === 0) return [];
  const needed = [...new Set([...(hasHost(deployment) ? [HOST_ISSUER] : []), ...caaIssuers])];
  return [
    publicCheck({
      id: "policy.caa",
      area: "policy",
      title: "CAA allows the authorities that are used",
      why: "An authority that is not named must refuse, so the certificates of edge and host would run out (RFC 8659).",
      needs: [ZONE_ANSWERS],
      run: async (context) => {
        const said = await askAll(context, domain, domain, "CAA");
        return worst(
          said.map(({ server, answer }) => {
            const issuers = answer.records.flatMap(({ value }) => /^\d+ issue ([^ ;]+)/.exec(value)?.[1] ?? []);
            const missing = answer.records.length === 0 ? [] : needed.filter((issuer) => !issuers.includes(issuer));
            const finding =
              missing.length === 0
                ? ok(answer.records.length === 0 ? "no record, so every authority may" : list(issuers))
                : error(
                    `${list(missing)} may not`,
                    list(needed),
                    caaIssuers.includes(HOST_ISSUER)
                      ? converge(deployment)
                      : `Add ${HOST_ISSUER} to mail:caaIssuers, then: ${converge(deployment)}`,
                  );
            return { server, finding };
          }),
        );
      },
    }),
  ];
}
