import { doors, type Door } from "../../../infra/edge/ingress";
import { tunnelName } from "../../../infra/edge/names";
import { isProps, listOf, type Props, textOf } from "../../adopt/props";
import { type Check, error, ok, warning } from "../check";
import type { Context, HostDeployment } from "../context";
import { accessGuards } from "./access";
import { converge } from "./ask";
import { EDGE_TOKEN, edgeCheck } from "./edge";
import { HOST_SERVICES } from "./host";

export const TUNNEL_EXISTS = "tunnel.exists";
export const TUNNEL_CONNECTED = "tunnel.connected";

const area = "tunnel";
/** cloudflared keeps four, two to each of two data centres. */
const CONNECTIONS = 4;

/** The tunnel by which everything but the tailnet reaches home. */
export function tunnelChecks(deployment: HostDeployment): readonly Check[] {
  const { settings, stack } = deployment;
  const { accountId, domain, host } = settings;
  const name = tunnelName(domain);
  const list = `/accounts/${accountId}/cfd_tunnel?is_deleted=false`;
  const compose = `docker compose -f ${host.folder}/mail-stack/compose.yaml`;
  const tunnel = async ({ cloudflare }: Context) => (await cloudflare.list(list)).find((one) => one["name"] === name);
  const wanted = doors(settings);
  const rules = async (context: Context) => {
    const found = await tunnel(context);
    const path = `/accounts/${accountId}/cfd_tunnel/${textOf(found?.["id"])}/configurations`;
    const config = (await context.cloudflare.get(path))?.["config"];
    return listOf(isProps(config) ? config["ingress"] : undefined);
  };
  return [
    edgeCheck({
      id: TUNNEL_EXISTS,
      area,
      title: "The tunnel exists",
      why: "All public names of the host lead to it; without it nothing reaches home.",
      needs: [EDGE_TOKEN],
      run: async (context) => {
        const found = await tunnel(context);
        if (!found) return error("none", name, `pulumi up --refresh --stack ${stack} --replace '**tunnel'`);
        const source = textOf(found["config_src"]);
        // A tunnel that the host configures ignores the rules of the program.
        if (source === "local" || found["remote_config"] === false)
          return error("configured on the host", "configured at Cloudflare", converge(deployment));
        return ok(name);
      },
    }),
    edgeCheck({
      id: TUNNEL_CONNECTED,
      area,
      title: "The tunnel is connected",
      why: "While it is not, mail waits in the spool and clients find nobody.",
      needs: [TUNNEL_EXISTS],
      follows: [HOST_SERVICES],
      run: async (context) => {
        const found = await tunnel(context);
        const detail = await context.cloudflare.get(`/accounts/${accountId}/cfd_tunnel/${textOf(found?.["id"])}`);
        const connections = listOf(detail?.["connections"]).filter(
          (one) => one["is_pending_reconnect"] !== true,
        ).length;
        const remedy = `On the host: ${compose} logs --tail 50 cloudflared; ${compose} up --detach cloudflared`;
        const current = `${connections} connections`;
        const expected = `${CONNECTIONS} connections`;
        if (connections === 0) return error(current, expected, remedy);
        return connections < CONNECTIONS ? warning(current, expected, remedy) : ok(current);
      },
    }),
    edgeCheck({
      id: "tunnel.ingress",
      area,
      title: "The tunnel forwards as the program says",
      why: "A rule that is missing makes its name answer 404; one too many opens a door.",
      needs: [TUNNEL_EXISTS],
      run: async (context) => {
        const now = (await rules(context)).map(ruleText);
        const then = [...wanted, { service: "http_status:404" }].map((rule) => ruleText({ ...rule }));
        if (now.join() === then.join()) return ok(`${then.length} rules`);
        const only = (some: readonly string[], others: readonly string[]) =>
          some.filter((rule) => !others.includes(rule));
        return error(
          only(now, then).join(", ") || "rules are missing or in another order",
          only(then, now).join(", ") || `${then.length} rules, in the program's order`,
          converge(deployment),
        );
      },
    }),
    edgeCheck({
      id: "tunnel.access",
      area,
      title: "The tunnel itself refuses what Access did not let in",
      why: "Without it, the name is open to everybody as soon as somebody deletes its Access application.",
      needs: ["tunnel.ingress"],
      // An application that was made again has another audience.
      follows: accessGuards(settings).map(({ label }) => `edge.access.${label}`),
      run: async (context) => {
        const base = `/accounts/${accountId}/access`;
        const [apps, organisation, now] = await Promise.all([
          context.cloudflare.list(`${base}/apps`),
          context.cloudflare.get(`${base}/organizations`),
          rules(context),
        ]);
        const audience = (guarded: string) => textOf(apps.find(({ domain: name }) => name === guarded)?.["aud"]);
        const guarded = wanted.filter(({ guardedBy }) => guardedBy.length > 0);
        const open = guarded.filter((door) => {
          const rule = now.find((one) => ruleText(one) === ruleText({ ...door }));
          return accessText(rule) !== wantedAccess(door, textOf(organisation?.["auth_domain"]), audience);
        });
        const expected = `${guarded.length} rules check Access`;
        if (open.length === 0) return ok(expected);
        const names = open.map(({ hostname, path = "" }) => `${hostname}${path}`).join(", ");
        return error(`${names} not checked`, expected, converge(deployment));
      },
    }),
  ];
}

/** Required, whose, and for which applications. */
function accessText(rule: Props | undefined): string {
  const options = isProps(rule?.["originRequest"]) ? rule["originRequest"] : {};
  const access = isProps(options["access"]) ? options["access"] : {};
  const tags: readonly unknown[] = Array.isArray(access["audTag"]) ? access["audTag"] : [];
  return [access["required"] === true ? "required" : "", textOf(access["teamName"]), ...tags.map(textOf).sort()].join(
    " ",
  );
}

function wantedAccess({ guardedBy }: Door, authDomain: string, audience: (guarded: string) => string): string {
  return ["required", authDomain.split(".")[0] ?? "", ...guardedBy.map(audience).sort()].join(" ");
}

function ruleText({ hostname, path, service }: Props): string {
  return `${textOf(hostname) || "*"}${textOf(path)} to ${textOf(service)}`;
}
