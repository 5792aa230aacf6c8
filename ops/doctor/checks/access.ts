import { administrationDomains } from "../../../infra/edge/ingress";
import { certificateTokenName, tokenAlertName, workerTokenName } from "../../../infra/edge/names";
import { tcpServices } from "../../../infra/edge/tcp-services";
import type { Settings } from "../../../infra/settings/settings";
import { isProps, listOf, type Props, textOf } from "../../adopt/props";
import { type Check, error, ok, TITLE_CHARACTERS, warning } from "../check";
import type { Context, HostDeployment } from "../context";
import { converge, list } from "./ask";
import { EDGE_TOKEN, edgeCheck, expiryFinding } from "./edge";

const EXPIRY_ALERT = "expiring_service_token_alert";

/** What an Access application guards. */
interface Guard {
  /** The end of the check's id. */
  readonly label: string;
  /** A name, or a name and a path. */
  readonly hostname: string;
  /** Whether people are let in, or the Worker. */
  readonly people: boolean;
}

/** Every Access application that the program declares. */
export function accessGuards(settings: Settings): readonly Guard[] {
  const { hostnames, inboundDelivery, adminAccess } = settings;
  const administration = adminAccess === "access" ? administrationDomains(hostnames.server) : [];
  return [
    { label: "inbound", hostname: hostnames.inbound, people: false },
    ...(inboundDelivery === "lmtp" ? [{ label: "lmtp", hostname: hostnames.lmtp, people: false }] : []),
    ...tcpServices(settings).map(({ service, hostname }) => ({ label: service, hostname, people: true })),
    ...administration.map((hostname) => ({
      label: hostname.slice(hostnames.server.length + 1),
      hostname,
      people: true,
    })),
  ];
}

/** Access as it is declared, its token's end and who hears of it; the token with which certificates are fetched. */
export function accessChecks(deployment: HostDeployment): readonly Check[] {
  const { accountId, domain, clientTcp, edge, primaryAddress, acme } = deployment.settings;
  const up = converge(deployment);
  const base = `/accounts/${accountId}`;
  const worker = workerTokenName(domain, edge.accessTokenNumber);
  const token = async ({ cloudflare }: Context, called = worker) =>
    (await cloudflare.list(`${base}/access/service_tokens`)).find(({ name }) => name === called);
  // While the token is changed, the former one is still let in.
  const letIn = [edge.accessTokenNumber, ...(edge.accessTokenKept === undefined ? [] : [edge.accessTokenKept])].map(
    (number) => workerTokenName(domain, number),
  );
  return [
    edgeCheck({
      id: "edge.access-token",
      title: "The Worker's Access token is valid",
      why: "When it ends the Worker cannot reach home, and all mail waits in the spool.",
      needs: [EDGE_TOKEN],
      run: async (context) => {
        const found = await token(context);
        if (!found) return error("none", worker, up);
        return expiryFinding(
          textOf(found["expires_at"]),
          context.now,
          `npm run rotate -- access-token --stack ${deployment.stack}`,
        );
      },
    }),
    ...accessGuards(deployment.settings).map(({ label, hostname, people }) =>
      edgeCheck({
        id: `edge.access.${label}`,
        title: `Access guards ${hostname} as declared`.slice(0, TITLE_CHARACTERS),
        why: people
          ? "People who are not in the stack file could reach the login."
          : "Others than the Worker could bring mail.",
        needs: people ? [EDGE_TOKEN] : ["edge.access-token"],
        run: async (context) => {
          const current = await guardText(context, base, hostname);
          const ids = people
            ? clientTcp.people
            : await Promise.all(letIn.map(async (name) => textOf((await token(context, name))?.["id"])));
          const expected = people ? `allow ${list(ids)}` : `non_identity ${list(ids)}`;
          return current === expected ? ok(people ? current : list(letIn)) : error(current, expected, up);
        },
      }),
    ),
    edgeCheck({
      id: "edge.alert",
      title: "Somebody is told before the Access token ends",
      why: "It ends after a year, and nobody thinks of it.",
      needs: [EDGE_TOKEN],
      run: async ({ cloudflare }) => {
        const name = tokenAlertName(domain);
        const found = (await cloudflare.list(`${base}/alerting/v3/policies`)).find((policy) => policy["name"] === name);
        const expected = `${EXPIRY_ALERT} to ${primaryAddress}`;
        const current = found === undefined ? "none" : `${textOf(found["alert_type"])} to ${list(recipients(found))}`;
        if (found !== undefined && found["enabled"] !== true) return warning("switched off", expected, up);
        return current === expected ? ok(current) : warning(current, expected, up);
      },
    }),
    // The program does not know a token that was made by hand.
    ...(acme.dnsToken === undefined
      ? [
          edgeCheck({
            id: "edge.certificate-token",
            title: "The host's token for certificates is valid",
            why: "Without it the certificate of the server's name is not renewed.",
            needs: [EDGE_TOKEN],
            run: async ({ cloudflare, now }) => {
              const name = certificateTokenName(domain, acme.tokenNumber);
              const found = (await cloudflare.list(`${base}/tokens`)).find((one) => one["name"] === name);
              if (!found) return error("none", name, up);
              if (found["status"] !== "active") return error(textOf(found["status"]), "active", up);
              return expiryFinding(
                textOf(found["expires_on"]),
                now,
                `npm run rotate -- certificate-token --stack ${deployment.stack}`,
              );
            },
          }),
        ]
      : []),
  ];
}

/** `decision who, who` of all policies of the application in front of the name. */
async function guardText({ cloudflare }: Context, base: string, hostname: string): Promise<string> {
  const apps = await cloudflare.list(`${base}/access/apps`);
  const app = apps.find(({ domain, type }) => domain === hostname && type === "self_hosted");
  if (!app) return "no application";
  const policies = await cloudflare.list(`${base}/access/policies`);
  const own = listOf(app["policies"]).map((one) => policies.find(({ id }) => id === one["id"]) ?? one);
  if (own.length === 0) return "no policy";
  return own.map(({ decision, include }) => `${textOf(decision)} ${list(listOf(include).map(who))}`).join("; ");
}

/** A rule of Access: one key, whose object names whom. */
function who(rule: Props): string {
  const [[kind, value] = ["nobody", {}]] = Object.entries(rule);
  if (!isProps(value)) return kind;
  return textOf(value["email"]) || textOf(value["token_id"]) || textOf(value["tokenId"]) || kind;
}

function recipients({ mechanisms }: Props): readonly string[] {
  return isProps(mechanisms) ? listOf(mechanisms["email"]).map(({ id }) => textOf(id)) : [];
}
