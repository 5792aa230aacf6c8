import { listOf, type Props, textOf, textsOf } from "../../adopt/props";
import { type Check, error, ok, warning } from "../check";
import { type Context, type HostDeployment, Unreachable } from "../context";
import { LoginRefused } from "../inside/jmap";
import { list, recordId } from "./ask";
import { HOST_SERVICES, HOST_SSH, hostCheck } from "./host";
import { certificateId } from "./names";

const area = "stalwart";
const USING = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"] as const;
const VERIFY_BUDGET_MS = 7_000;
/** As onhost ends: 3, apply the plan; 4, restart. */
const DIFFERS = new Set([3, 4]);
/** As `onhost verify --further` begins what it found. */
const OF_A_DOMAIN = /^([a-z0-9.-]+): /;
const MINUTE_MS = 60_000;
const OLD_MINUTES = 60;
const TOO_OLD_MINUTES = 24 * 60;

/** Stalwart as its administrator and its host see it. */
export function stalwartChecks({ settings, stack, further }: HostDeployment): readonly Check[] {
  const { domain, hostnames } = settings;
  const { server } = hostnames;
  const { folder, subnet } = settings.host;
  const compose = `docker compose -f ${folder}/mail-stack/compose.yaml`;
  const again = `pulumi up --stack ${stack} --replace '**host-files'`;
  const own = subnet.slice(0, subnet.lastIndexOf(".") + 1);
  return [
    {
      id: "stalwart.login",
      area,
      title: "The administrator can log in",
      why: "Without this login nobody can look into queue and bans, or mend accounts.",
      needs: [],
      follows: [recordId("CNAME", server, domain), certificateId(server, domain), "web.jmap"],
      credentials: ["jmap"],
      run: async (context) => {
        try {
          await objects(context, "Domain");
          return ok("yes");
        } catch (thrown) {
          if (thrown instanceof Unreachable)
            return error(thrown.message, "yes", `On the host: ${compose} ps; ${compose} up --detach --wait`);
          if (!(thrown instanceof LoginRefused)) throw thrown;
          return error(thrown.message, "yes", `npm run rotate -- admin-password --stack ${stack}`);
        }
      },
    },
    {
      id: "stalwart.plan",
      area,
      title: "Stalwart is as planned",
      why: "A setting that somebody changed is lost with the next installation, or works against mail.",
      needs: [HOST_SERVICES],
      credentials: ["ssh"],
      budgetMs: VERIFY_BUDGET_MS,
      run: async (context) => {
        const { code, lines } = await verify(context, folder);
        if (code === 0) return ok("as planned");
        const current = lines.slice(0, 2).join("; ") || `onhost verify ends with ${code}`;
        return error(
          current,
          "as planned",
          DIFFERS.has(code) ? again : `On the host: ${compose} logs --tail 50 stalwart`,
        );
      },
    },
    {
      id: "stalwart.further",
      area,
      title: "Further domains on this host are as planned",
      why: "A domain, its account or a DKIM key that somebody changed at home; its own stack does not see it.",
      needs: [HOST_SERVICES],
      credentials: ["ssh"],
      budgetMs: VERIFY_BUDGET_MS,
      run: async (context) => {
        const { code, lines, planned } = await verify(context, folder, "--further");
        if (code === 0) return ok(list(planned), "every further domain whose plan is there");
        const drift = lines.filter((line) => OF_A_DOMAIN.test(line));
        const domains = [...new Set(drift.map((line) => OF_A_DOMAIN.exec(line)?.[1] ?? ""))];
        if (!DIFFERS.has(code) || domains.length === 0)
          return error(lines[0] ?? `onhost verify ends with ${code}`, "as planned", `pulumi up --stack ${stack}`);
        const stacks = domains.map((domain) => further.get(domain) ?? `STACK-OF-${domain}`);
        return error(
          drift.slice(0, 2).join("; "),
          "as planned",
          stacks.map((one) => `pulumi up --stack ${one} --replace '**host-plan'`).join("; "),
        );
      },
    },
    hostCheck({
      id: "stalwart.applied",
      area,
      title: "The plan that was shipped last was applied",
      why: "An installation that was cut leaves files that Stalwart has not heard of.",
      needs: [HOST_SSH],
      finding: ({ one }) => {
        if (one("applied") !== "" && one("applied") === one("plan")) return ok(one("applied").slice(0, 12));
        return error(one("applied").slice(0, 12) || "none", one("plan").slice(0, 12), again);
      },
    }),
    {
      id: "stalwart.queue",
      area,
      title: "No mail waits in the queue for long",
      why: "The relay does not take it; its sender believes that it is on its way.",
      needs: ["stalwart.login"],
      credentials: ["jmap"],
      run: async (context) => {
        const messages = await objects(context, "QueuedMessage");
        const expected = `none older than ${OLD_MINUTES} min`;
        if (messages.length === 0) return ok("nothing waits", expected);
        const oldest = Math.min(
          ...messages.map(({ createdAt }) => Date.parse(textOf(createdAt)) || context.now.getTime()),
        );
        const minutes = Math.floor((context.now.getTime() - oldest) / MINUTE_MS);
        const current = `${messages.length} ${messages.length === 1 ? "waits" : "wait"}, the oldest for ${minutes} min`;
        const remedy = `See why: https://${settings.hostnames.server}/admin, Queue; is the key still good? npm run rotate -- resend-key --stack ${stack}`;
        if (minutes >= TOO_OLD_MINUTES) return error(current, expected, remedy);
        return minutes >= OLD_MINUTES ? warning(current, expected, remedy) : ok(current, expected);
      },
    },
    {
      id: "stalwart.bans",
      area,
      title: "None of our own addresses is banned",
      why: "Everybody comes through the proxy: its ban shuts out the Worker and all clients.",
      needs: ["stalwart.login"],
      credentials: ["jmap"],
      run: async (context) => {
        const banned = (await objects(context, "BlockedIp")).map(({ address }) => textOf(address));
        const ours = banned.filter((address) => address.startsWith(own) || address.startsWith("127."));
        const expected = `nothing of ${subnet}`;
        if (ours.length === 0) return ok(`${banned.length} others`, expected);
        return error(
          ours.join(", "),
          expected,
          `https://${settings.hostnames.server}/admin, Security, Blocked IPs: delete it, then: ${again}`,
        );
      },
    },
  ];
}

/** What `onhost verify` says, and how it ends. */
async function verify({ ssh }: Context, folder: string, ...args: readonly string[]) {
  const tool = `docker compose --progress quiet -f mail-stack/compose.yaml --profile tools run --rm -T onhost ${["verify", ...args].join(" ")}`;
  const { code, stdout, stderr } = await ssh.run(`cd -- "$HOME/${folder}" && ${tool} </dev/null\n`);
  const linesOf = (text: string) => text.split("\n").filter((line) => line.trim() !== "");
  return { code, lines: [...linesOf(stderr), ...linesOf(stdout)], planned: linesOf(stdout) };
}

/** All objects of a type of Stalwart's registry: the queue answers to ids only, so those are asked first. */
async function objects(context: Context, type: string): Promise<readonly Props[]> {
  const { ids } = await called(context, `x:${type}/query`, {});
  if (textsOf(ids).length === 0) return [];
  return listOf((await called(context, `x:${type}/get`, { ids }))["list"]);
}

async function called({ jmap }: Context, method: string, args: object): Promise<Props> {
  const [answer] = await jmap.call(USING, [[method, args, "0"]]);
  const [name, result = {}] = answer ?? [];
  if (name === method) return result;
  throw new Error(`Stalwart refuses ${method}: ${textOf(result["type"]) || "no answer"}`);
}
