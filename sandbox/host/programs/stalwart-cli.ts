import { parseArgs } from "node:util";

import type { Container, Finished, Program } from "../docker/container";
import { applyPlan, type CliServer } from "../registry/stalwart-cli";

/** The image of Stalwart's command line; of its commands only `apply --file`. */
export const stalwartCli: Program = {
  async run(container, args): Promise<Finished> {
    const [command, ...rest] = args;
    const server = serverOf(container);
    if (command !== "apply") return failed(`the sandbox does not know stalwart-cli ${command ?? ""}`);
    if (typeof server === "string") return failed(server);
    const { values } = parseArgs({
      args: rest,
      options: { file: { type: "string" }, json: { type: "boolean" }, quiet: { type: "boolean" } },
    });
    let plan: string;
    try {
      plan = container.read(values.file ?? "");
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error));
    }
    const { exitCode, stdout, stderr } = await applyPlan(plan, server);
    return { code: exitCode, stdout: values.json ? stdout : "", stderr };
  },
};

/** Whom it asks and as whom; a text says why it can ask nobody. */
function serverOf({ service, neighbours }: Container): CliServer | string {
  const { STALWART_USER: user, STALWART_PASSWORD: password, STALWART_URL: base = "" } = service.environment;
  if (user === undefined || password === undefined) return "no credentials: set STALWART_USER and STALWART_PASSWORD";
  if (!URL.canParse(base)) return `invalid URL ${base}`;
  const port = neighbours.ports()[new URL(base).host];
  if (port === undefined) return `error sending request for url (${base}/jmap)`;
  return {
    url: `http://127.0.0.1:${port}`,
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
  };
}

function failed(message: string): Finished {
  return { code: 1, stdout: "", stderr: `error: ${message}\n` };
}
