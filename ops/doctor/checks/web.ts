import { type Check, error, type Finding, ok } from "../check";
import type { Deployment } from "../context";
import { converge, publicCheck } from "./ask";
import { certificateId } from "./names";
import { PUBLIC_WORKER, ROUTES } from "./workers";

const area = "web";

/** Settings that clients fetch by the mail address: Thunderbird's and Outlook's. */
export function webChecks(deployment: Deployment): readonly Check[] {
  const { domain, hostnames, services, primaryAddress } = deployment.settings;
  const remedy = `Deploy the public Worker again: ${converge(deployment)}`;
  const isDescribed = services.some((service) => ["imaps", "submissions", "submission"].includes(service));
  const thunderbird = publicCheck({
    id: "web.autoconfig",
    area,
    title: "Thunderbird finds its settings",
    why: "Without them people type in host names and ports.",
    needs: [certificateId(hostnames.autoconfig, domain)],
    follows: [PUBLIC_WORKER, ROUTES],
    run: async ({ web }) => {
      const query = new URLSearchParams({ emailaddress: primaryAddress }).toString();
      const { status, body } = await web.get(`https://${hostnames.autoconfig}/mail/config-v1.1.xml?${query}`);
      const hosts = [...body.matchAll(/<hostname>([^<]*)<\/hostname>/g)].map(([, host = ""]) => host);
      return same(status, [...new Set(hosts)].join(", "), hostnames.clients, remedy);
    },
  });
  const outlook = publicCheck({
    id: "web.autodiscover",
    area,
    title: "Outlook finds its settings",
    why: "Without them people type in host names and ports.",
    needs: [certificateId(hostnames.autodiscover, domain)],
    follows: [PUBLIC_WORKER, ROUTES],
    run: async ({ web }) => {
      const base = `https://${hostnames.autodiscover}/autodiscover/autodiscover`;
      const { status, body } = await web.get(`${base}.json?Email=${primaryAddress}&Protocol=Autodiscoverv1`);
      return same(status, /"Url":\s*"([^"]*)"/.exec(body)?.[1] ?? "nothing", `${base}.xml`, remedy);
    },
  });
  return [...(services.includes("imaps") ? [thunderbird] : []), ...(isDescribed ? [outlook] : [])];
}

function same(status: number, current: string, expected: string, remedy: string): Finding {
  if (status !== 200) return error(`HTTP ${status}`, `HTTP 200, ${expected}`, remedy);
  return current === expected ? ok(current) : error(current, expected, remedy);
}
