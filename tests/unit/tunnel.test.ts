import { tcpServices } from "../../infra/edge/tcp-services";
import { ingressRules } from "../../infra/edge/ingress";
import { augustin } from "./dns/fixtures";

const settings = augustin();
const people = settings.clientTcp.people;
/** Pairs of name and service. */
const rules = (services: typeof settings.clientTcp.services) =>
  ingressRules(settings.hostnames, tcpServices({ ...settings, clientTcp: { services, people } })).map(
    ({ hostname, service }) => [hostname, service],
  );

describe("the tunnel's ingress rules", () => {
  it("lead people, the Worker and each laptop service to an entry point of their own", () => {
    // infra/host/layout.ts has the numbers too: written here, so that nobody swaps them there or in the rules unseen.
    expect(rules(["imaps", "submissions", "sieve"])).toEqual([
      ["stalwart.augustin.ai", "http://traefik:8080"],
      ["inbound.augustin.ai", "http://traefik:8081"],
      ["imap-tcp.augustin.ai", "tcp://traefik:993"],
      ["submission-tcp.augustin.ai", "tcp://traefik:465"],
      ["sieve-tcp.augustin.ai", "tcp://traefik:14190"],
      [undefined, "http_status:404"],
    ]);
  });

  it("know no name of a service that is not offered", () => {
    expect(rules([])).toEqual([
      ["stalwart.augustin.ai", "http://traefik:8080"],
      ["inbound.augustin.ai", "http://traefik:8081"],
      [undefined, "http_status:404"],
    ]);
  });
});
