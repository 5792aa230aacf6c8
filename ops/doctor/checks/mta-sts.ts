import { type Check, error, ok, warning } from "../check";
import type { Deployment } from "../context";
import { announcementFaults, covers, readPolicy } from "../policy/mta-sts";
import { converge, list, publicCheck, recordId } from "./ask";
import { RESOLVER_ANSWERS } from "./delegation";
import { certificateId } from "./names";
import { PUBLIC_WORKER, ROUTES } from "./workers";

/** The MTA-STS policy as a sending server takes it in: the announcement, the file, the MX that it must cover (RFC 8461). */
export function mtaStsChecks(deployment: Deployment): readonly Check[] {
  const { domain, hostnames } = deployment.settings;
  const name = `_mta-sts.${domain}`;
  const url = `https://${hostnames.mtaSts}/.well-known/mta-sts.txt`;
  const area = "policy";
  return [
    publicCheck({
      id: "policy.mta-sts-id",
      area,
      title: "MTA-STS is announced, with an id",
      why: "Senders fetch the policy only when the announcement can be read, and again only when its id changes.",
      needs: [RESOLVER_ANSWERS, recordId("CNAME", name, domain)],
      run: async ({ dns }) => {
        const { records } = await dns.resolve(name, "TXT");
        const [text, ...more] = records.map(({ value }) => value).filter((value) => value.startsWith("v=STSv1"));
        const expected = "v=STSv1; id=...";
        const remedy = `${converge(deployment)}; if it stays: Cloudflare's status page, since the record it leads to is Cloudflare's`;
        if (text === undefined) return error("nothing", expected, remedy);
        const faults = more.length > 0 ? [`${more.length + 1} announcements`] : announcementFaults(text);
        return faults.length === 0 ? ok(text) : error(`${text}: ${faults.join(", ")}`, expected, remedy);
      },
    }),
    publicCheck({
      id: "policy.mta-sts-file",
      area,
      title: "The MTA-STS policy covers each MX",
      why: "Senders that know the policy deliver to no MX that it does not name: mail would stay with them.",
      needs: ["policy.mta-sts-id", certificateId(hostnames.mtaSts, domain), recordId("MX", domain, domain)],
      follows: [PUBLIC_WORKER, ROUTES],
      run: async ({ dns, web }) => {
        const { status, headers, body } = await web.get(url);
        const expected = "version STSv1, mode enforce, every MX covered";
        const remedy = `Deploy the public Worker again: ${converge(deployment)}`;
        if (status !== 200) return error(`${url} answers HTTP ${status}`, "HTTP 200", remedy);
        if (!/^text\/plain\b/.test(headers["content-type"] ?? ""))
          return error(
            `its type is ${headers["content-type"] ?? "not told"}`,
            "text/plain (RFC 8461 section 3.3)",
            remedy,
          );
        const policy = readPolicy(body);
        if (typeof policy === "string") return error(policy, expected, remedy);
        const exchangers = (await dns.resolve(domain, "MX")).records.map(({ value }) => value.split(" ")[1] ?? "");
        const uncovered = exchangers.filter((host) => !covers(policy, host));
        if (uncovered.length > 0)
          return error(`mx ${list(policy.mx)} does not cover ${list(uncovered)}`, expected, remedy);
        if (policy.mode !== "enforce")
          return warning(
            `mode ${policy.mode}`,
            "mode enforce",
            "The policy is Cloudflare's own for its MX: see its status page; nothing here changes it.",
          );
        return ok(`mode ${policy.mode}, mx ${list(policy.mx)}`);
      },
    }),
  ];
}
