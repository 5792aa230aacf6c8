import { isProps, listOf, type Props, textOf, textsOf } from "../../adopt/props";
import { listedZone, obstacleOf } from "../../../infra/zone";
import { type Check, error, type Finding, ok, warning } from "../check";
import type { Context, Deployment } from "../context";
import { converge } from "./ask";

const area = "edge";
const DAY_MS = 86_400_000;
/** A token that ends sooner is named. */
export const TOKEN_DAYS = 30;

/** The usual shape of a check that asks Cloudflare's API. */
export function edgeCheck(check: Omit<Check, "credentials" | "area"> & { readonly area?: Check["area"] }): Check {
  return { area, credentials: ["cloudflare"], ...check };
}

export const EDGE_TOKEN = "edge.token";
export const EDGE_ZONE = "edge.zone";

/** The token itself, and Email Routing of the zone. */
export function edgeChecks(deployment: Deployment): readonly Check[] {
  const { accountId, domain, inbound, workerName } = deployment.settings;
  const up = converge(deployment);
  const dashboard = "in Cloudflare's dashboard: Email, Email Routing";
  return [
    edgeCheck({
      id: EDGE_TOKEN,
      title: "The API token is valid",
      why: "Without it neither pulumi nor the doctor can see or change the account.",
      needs: [],
      run: async ({ cloudflare, now }) => {
        const token = await verified(cloudflare, accountId);
        const renew = "Make a new token in Cloudflare's dashboard (docs/start.md) and set CLOUDFLARE_API_TOKEN to it";
        const status = textOf(token["status"]);
        if (status !== "active") return error(status || "unknown", "active", renew);
        return expiryFinding(textOf(token["expires_on"]), now, renew);
      },
    }),
    edgeCheck({
      id: EDGE_ZONE,
      title: "The zone is active in the account",
      why: "Records of a zone that is paused or pending are answered by nobody.",
      needs: [EDGE_TOKEN],
      run: async ({ cloudflare }) => {
        const found = await zoneOf(cloudflare, deployment);
        const { status } = found ?? {};
        const expected = `${domain}, active`;
        const obstacle = found && obstacleOf(listedZone(found));
        if (obstacle) return error(obstacle.fact, expected, obstacle.next);
        if (status === "active") return ok(expected);
        const current = status === undefined ? `the account has no zone ${domain}` : `${domain}, ${textOf(status)}`;
        return error(
          current,
          expected,
          "Cloudflare's dashboard: add the domain, then enter its name servers at the registrar",
        );
      },
    }),
    edgeCheck({
      id: "edge.routing",
      title: "Email Routing is on",
      why: "While it is off Cloudflare refuses every message, and pulumi does not notice.",
      needs: [EDGE_ZONE],
      run: async (context) => {
        const { enabled } = (await ofZone(context, deployment, "/email/routing")) ?? {};
        if (enabled === true) return ok("on");
        return error("off", "on", `Switch it on ${dashboard}, Enable`);
      },
    }),
    edgeCheck({
      id: "edge.routing.locked",
      title: "Email Routing's own records are locked",
      why: "Unlocked MX records can be changed by anybody with the token, and then mail goes elsewhere.",
      needs: ["edge.routing"],
      run: async (context) => {
        const zone = await zoneOf(context.cloudflare, deployment);
        const mx = (await context.cloudflare.list(`/zones/${textOf(zone?.["id"])}/dns_records?type=MX`)).filter(
          ({ name, type }) => name === domain && type === "MX",
        );
        const open = mx.filter(
          ({ meta }) => !isProps(meta) || (meta["email_routing"] !== true && meta["read_only"] !== true),
        );
        if (mx.length > 0 && open.length === 0) return ok(`${mx.length} MX, locked`);
        const names = open.map(({ content }) => textOf(content)).join(", ");
        return error(
          mx.length === 0 ? "no MX" : `not locked: ${names}`,
          "MX, locked",
          `Lock them ${dashboard}, Settings, Lock DNS records`,
        );
      },
    }),
    edgeCheck({
      id: "edge.catch-all",
      title: inbound === "off" ? "The catch-all drops mail, as asked" : "The catch-all leads to the Worker",
      why: "It is the one rule by which mail reaches home.",
      needs: ["edge.routing"],
      run: async (context) => {
        const rule = (await ofZone(context, deployment, "/email/routing/rules/catch_all")) ?? {};
        const expected = inbound === "off" ? "drop" : `worker ${workerName}`;
        const current = rule["enabled"] === true ? listOf(rule["actions"]).map(actionText).join(", ") : "switched off";
        return current === expected ? ok(current) : error(current, expected, up);
      },
    }),
    edgeCheck({
      id: "edge.rules",
      title: "No other rule takes mail before the catch-all",
      why: "Mail for the addresses of such a rule never reaches the Worker.",
      needs: ["edge.routing"],
      run: async (context) => {
        const zone = await zoneOf(context.cloudflare, deployment);
        const rules = await context.cloudflare.list(`/zones/${textOf(zone?.["id"])}/email/routing/rules`);
        const active = rules.filter(
          ({ enabled, matchers }) => enabled === true && !listOf(matchers).some(({ type }) => type === "all"),
        );
        if (active.length === 0) return ok("none");
        const current = active
          .map(({ matchers }) =>
            listOf(matchers)
              .map(({ value }) => textOf(value))
              .join(" "),
          )
          .join(", ");
        return warning(current, "none", `Delete the rule ${dashboard}, Routing rules, or leave it on purpose`);
      },
    }),
  ];
}

/** When something ends: an error when it has, a warning within {@link TOKEN_DAYS}. An empty text has no end. */
export function expiryFinding(expiresAt: string, now: Date, remedy: string): Finding {
  const expected = `at least ${TOKEN_DAYS} days left`;
  if (expiresAt === "") return ok("without end", expected);
  const days = Math.floor((Date.parse(expiresAt) - now.getTime()) / DAY_MS);
  const current = `${days} days left, until ${expiresAt.slice(0, 10)}`;
  if (days < 0) return error(`ended on ${expiresAt.slice(0, 10)}`, expected, remedy);
  return days < TOKEN_DAYS ? warning(current, expected, remedy) : ok(current, expected);
}

/** The zone of the mail domain, as the API lists it. */
export async function zoneOf(
  cloudflare: Context["cloudflare"],
  { settings: { accountId, domain } }: Deployment,
): Promise<Props | undefined> {
  const query = new URLSearchParams({ name: domain, "account.id": accountId }).toString();
  return (await cloudflare.list(`/zones?${query}`))[0];
}

/** An object below the zone. */
export async function ofZone(
  { cloudflare }: Context,
  deployment: Deployment,
  path: string,
): Promise<Props | undefined> {
  const zone = await zoneOf(cloudflare, deployment);
  return await cloudflare.get(`/zones/${textOf(zone?.["id"])}${path}`);
}

/** A user's token, or one of the account: each has its own endpoint, and the other one refuses it. */
async function verified(cloudflare: Context["cloudflare"], accountId: string): Promise<Props> {
  try {
    return (await cloudflare.get("/user/tokens/verify")) ?? {};
  } catch {
    return (
      (await cloudflare.get(`/accounts/${accountId}/tokens/verify`).catch(() => undefined)) ?? { status: "refused" }
    );
  }
}

function actionText({ type, value, values }: Props): string {
  return [textOf(type), ...textsOf(values ?? value)].join(" ");
}
