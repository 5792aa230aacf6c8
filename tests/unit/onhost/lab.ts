import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { workerAddress } from "../../../infra/host/layout";
import { stalwartFiles } from "../../../infra/host/stalwart/files";
import type { Settings } from "../../../infra/settings/settings";
import { run } from "../../../onhost/src/commands";
import { FILES } from "../../../onhost/src/deployment";
import { createJmapServer, type JmapServer } from "../../../sandbox/host/jmap-server";
import { createRegistry, type Registry } from "../../../sandbox/host/registry/registry";
import { applyPlan, type CliResult } from "../../../sandbox/host/registry/stalwart-cli";
import { SECRETS, settingsWith } from "../settings/fixtures";

export const RECOVERY = { login: "admin", password: "recovery-test-only" };
/** As the settings of the tests have the compose networks. */
export const WORKER = workerAddress(settingsWith().host.subnet);
const AUTHORIZATION = `Basic ${Buffer.from(`${RECOVERY.login}:${RECOVERY.password}`).toString("base64")}`;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A host's apps folder beside a Stalwart: the model's registry behind real HTTP. */
export interface Lab {
  readonly root: string;
  readonly registry: Registry;
  readonly server: JmapServer;
  readonly url: string;
  /** A path in the apps folder. */
  readonly file: (name: string) => string;
  readonly read: (name: string) => string;
  readonly write: (name: string, content: string) => void;
  /** Ships the files of these settings. */
  readonly install: (settings: Settings) => void;
  readonly onhost: (...args: readonly string[]) => Promise<Ran>;
  readonly apply: (name?: string) => Promise<CliResult>;
  /** What `pulumi up` does with Stalwart, in its order. */
  readonly converge: () => Promise<void>;
  /** One method as the recovery administrator, for what a person does by hand. */
  readonly call: (method: string, args: object) => Promise<Record<string, unknown>>;
  /** What a login gets; `from`: the address that asks, the Worker's by default. */
  readonly status: (authorization: string, from?: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

/** `data`: restored; `root`: a host that was there before. */
export async function openLab({ data, root }: { data?: string; root?: string } = {}): Promise<Lab> {
  const registry = createRegistry(data === undefined ? {} : { data });
  const server = await createJmapServer({ publicUrl: "https://mail.example.test", registry, recoveryAdmin: RECOVERY });
  const url = `http://127.0.0.1:${server.port}`;
  const folder = root ?? mkdtempSync(path.join(tmpdir(), "onhost-"));
  const file = (name: string) => path.join(folder, name);
  const lab: Lab = {
    root: folder,
    registry,
    server,
    url,
    file,
    read: (name) => readFileSync(file(name), "utf8"),
    write,
    install: (settings) => {
      for (const { path: name, content } of stalwartFiles(settings)) write(name, content);
      write(FILES.recoveryAdmin, `STALWART_RECOVERY_ADMIN=${RECOVERY.login}:${RECOVERY.password}\n`);
    },
    onhost,
    apply: (name = FILES.plan) => applyPlan(readFileSync(file(name), "utf8"), { url, authorization: AUTHORIZATION }),
    converge,
    call,
    status: async (authorization, from = WORKER) =>
      (await fetch(`${url}/jmap/session`, { headers: { authorization, "x-forwarded-for": from } })).status,
    close: async () => {
      await server.close();
      if (root === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
  if (root === undefined) lab.install(settingsWith());
  return lab;

  function write(name: string, content: string): void {
    mkdirSync(path.dirname(file(name)), { recursive: true });
    writeFileSync(file(name), content);
  }

  async function onhost(...args: readonly string[]): Promise<Ran> {
    const text = { out: "", err: "" };
    const into = (key: "out" | "err") => ({ write: (part: string) => (text[key] += part) });
    const env = { ONHOST_ROOT: folder, STALWART_URL: url, ONHOST_PORTS: "off" };
    const code = await run(args, env, into("out"), into("err"));
    refuseSecrets(text.err);
    return { code, ...text };
  }

  async function converge(): Promise<void> {
    for (const name of [FILES.plan, FILES.reload]) {
      const { exitCode, stderr } = await lab.apply(name);
      if (exitCode !== 0) throw new Error(stderr);
    }
    registry.restart();
    const { code, err } = await onhost("passwords");
    if (code !== 0) throw new Error(err);
  }

  async function call(method: string, args: object): Promise<Record<string, unknown>> {
    const body = JSON.stringify({
      using: ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"],
      methodCalls: [[method, args, "0"]],
    });
    const headers = { authorization: AUTHORIZATION, "content-type": "application/json" };
    const response = await fetch(`${url}/jmap`, { method: "POST", headers, body });
    const { methodResponses } = (await response.json()) as { methodResponses: [string, Record<string, unknown>][] };
    return methodResponses[0]?.[1] ?? {};
  }
}

/** Nothing that is meant for a person may hold a secret. */
export function refuseSecrets(text: string): void {
  const secrets = [...Object.values(SECRETS), RECOVERY.password].flatMap((secret) =>
    secret.split("\n").filter((line) => line.length > 12 && !line.startsWith("-----")),
  );
  const shown = secrets.find((secret) => text.includes(secret)) ?? /API_[\w-]{8,}/.exec(text)?.[0];
  if (shown !== undefined) throw new Error(`A secret is shown: ${shown.slice(0, 6)}…`);
}

export const basic = (login: string, password: string) =>
  `Basic ${Buffer.from(`${login}:${password}`).toString("base64")}`;
