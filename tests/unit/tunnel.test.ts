import { doors, ingressRules } from "../../infra/edge/ingress";
import { augustin } from "./dns/fixtures";
import type { Settings } from "../../infra/settings/settings";

const settings = augustin();
const people = settings.clientTcp.people;
const access = { teamName: "team", audienceOf: (domain: string) => `aud of ${domain}` };

function rulesOf(changes: Partial<Settings>) {
  return ingressRules(doors({ ...settings, ...changes }), access);
}

/** Name with path, and service. */
function rules(services: Settings["clientTcp"]["services"], changes: Partial<Settings> = {}) {
  return rulesOf({ clientTcp: { services, people }, ...changes }).map(({ hostname, path, service }) => [
    path === undefined ? hostname : [hostname, path],
    service,
  ]);
}

describe("the tunnel's ingress rules", () => {
  it("lead people, the Worker and each laptop service to an entry point of their own", () => {
    // infra/host/layout.ts has the numbers too: written here, so that nobody swaps them there or in the rules unseen.
    expect(rules(["imaps", "submissions", "sieve"])).toEqual([
      [["stalwart.augustin.ai", "^/(admin|account)(/|$)"], "http://traefik:8083"],
      ["stalwart.augustin.ai", "http://traefik:8080"],
      ["inbound.augustin.ai", "http://traefik:8081"],
      ["imap-tcp.augustin.ai", "tcp://traefik:993"],
      ["submission-tcp.augustin.ai", "tcp://traefik:465"],
      ["sieve-tcp.augustin.ai", "tcp://traefik:14190"],
      [undefined, "http_status:404"],
    ]);
  });

  it.each(["public", "tailnet"] as const)("know no name of a service that is not offered (%s)", (adminAccess) => {
    expect(rules([], { adminAccess })).toEqual([
      ["stalwart.augustin.ai", "http://traefik:8080"],
      ["inbound.augustin.ai", "http://traefik:8081"],
      [undefined, "http_status:404"],
    ]);
  });

  it("make cloudflared check Access at every name and path that an application guards, and nowhere else", () => {
    const services = ["imaps", "submissions", "sieve"] as const;
    const all = rulesOf({ clientTcp: { services, people }, inboundDelivery: "lmtp" });
    const checked = all.map(({ hostname, path, originRequest }) => {
      const { required, teamName, audTags } =
        (originRequest as { access?: Record<string, unknown> } | undefined)?.access ?? {};
      return [hostname, path !== undefined, required, teamName, audTags];
    });
    const guarded = (hostname: string) => [hostname, false, true, "team", [`aud of ${hostname}`]];
    expect(checked).toEqual([
      [
        "stalwart.augustin.ai",
        true,
        true,
        "team",
        ["aud of stalwart.augustin.ai/admin", "aud of stalwart.augustin.ai/account"],
      ],
      ["stalwart.augustin.ai", false, undefined, undefined, undefined],
      guarded("inbound.augustin.ai"),
      guarded("imap-tcp.augustin.ai"),
      guarded("submission-tcp.augustin.ai"),
      guarded("sieve-tcp.augustin.ai"),
      guarded("lmtp.augustin.ai"),
      [undefined, false, undefined, undefined, undefined],
    ]);
  });
});
