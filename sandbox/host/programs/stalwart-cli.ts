import { parseArgs } from "node:util";

import { isProps, type Props } from "../../cloud/props";
import type { Container, Finished, Program } from "../docker/container";
import { ApplyError, applyPlan, type ManagementCall } from "./apply";
import { PlanError } from "./plan";

const USING = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"];

/** The image of Stalwart's command line; of its commands only `apply`. */
export const stalwartCli: Program = {
  async run(container, args): Promise<Finished> {
    try {
      const [command, ...rest] = args;
      if (command !== "apply") throw new PlanError(`the sandbox does not know stalwart-cli ${command ?? ""}`);
      const { values } = parseArgs({
        args: rest,
        options: { file: { type: "string" }, json: { type: "boolean" }, quiet: { type: "boolean" } },
      });
      const plan = container.read(values.file ?? "");
      const done = await applyPlan(plan, management(container));
      return { code: 0, stdout: values.json ? `${JSON.stringify({ op: "summary", done })}\n` : "", stderr: "" };
    } catch (error) {
      if (error instanceof PlanError || error instanceof ApplyError || isNetwork(error))
        return { code: 1, stdout: "", stderr: `error: ${error.message}\n` };
      throw error;
    }
  },
};

/** Calls as the user that the environment names; without one the real command line asks nobody and fails. */
function management(container: Container): ManagementCall {
  const { environment } = container.service;
  const { STALWART_USER: user, STALWART_PASSWORD: password, STALWART_URL: base = "" } = environment;
  if (user === undefined || password === undefined)
    throw new PlanError("no credentials: set STALWART_USER and STALWART_PASSWORD or STALWART_TOKEN");
  const url = new URL(base);
  return manage(`${user}:${password}`, async (headers, body) => {
    const response = await container.neighbours.request(url.hostname, Number(url.port), {
      ...{ method: "POST", path: "/jmap", headers: { ...headers, host: url.host } },
      ...{ body, noTlsVerify: false },
    });
    return { status: response.status, text: response.body.toString("utf8") };
  });
}

type Post = (headers: Record<string, string>, body: Buffer) => Promise<{ status: number; text: string }>;

/** One method call to a request, as the real one does. @param credentials `user:password` */
export function manage(credentials: string, post: Post): ManagementCall {
  return async (method, args) => {
    const authorization = `Basic ${Buffer.from(credentials).toString("base64")}`;
    const body = Buffer.from(JSON.stringify({ using: USING, methodCalls: [[method, args, "0"]] }));
    const { status, text } = await post({ authorization, "content-type": "application/json" }, body);
    if (status !== 200) throw new ApplyError(`HTTP ${status}`);
    const answer = JSON.parse(text) as { methodResponses?: readonly (readonly [string, Props, string])[] };
    const [name, result] = answer.methodResponses?.[0] ?? [];
    if (name === method && isProps(result)) return result;
    throw new ApplyError(`${method}: ${JSON.stringify(result)}`);
  };
}

function isNetwork(error: unknown): error is Error {
  return error instanceof Error && (error.name === "OriginError" || "code" in error);
}
