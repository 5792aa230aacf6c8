import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMap, parseDocument } from "yaml";
import type { ServedIssuer } from "../../../infra/served-issuers";
import { run, type Surroundings } from "../../../ops/new-domain";
import type { Output } from "../../../ops/output";
import type { Pulumi } from "../../../ops/new-domain/pulumi";
import { NewDomainError } from "../../../ops/new-domain/refused";
import { type Api, serveApi } from "../../../sandbox/cloud/api";
import { type ResendApi, type ResendOptions, serveResend } from "../../../sandbox/cloud/resend-api";
import { World } from "../../../sandbox/cloud/world";
import { newZone } from "../../../sandbox/cloud/zone";

export const ACCOUNT = "0123456789abcdef0123456789abcdef";
export const CLOUDFLARE_TOKEN = "cloudflare-token-that-must-never-show";
export const RESEND_KEY = "re_key_that_must_never_show";
export const NOW = new Date("2026-11-22T12:00:00Z");
const ROOT = join(__dirname, "../../..");

/** A project folder and the two services, without Pulumi's own engine: {@link Lab.stacks} keeps what would be encrypted. */
export interface Lab {
  readonly directory: string;
  /** Where the services are and their keys. */
  readonly environment: NodeJS.ProcessEnv;
  readonly world: World;
  readonly resend: ResendApi;
  readonly stacks: Map<string, Map<string, string>>;
  /** The next call of that key fails, once. */
  failAt(key: string): void;
  newDomain(...args: readonly string[]): Promise<Output>;
  /** The same at a terminal, where a person answers; nothing: the proposal. */
  asked(answer: (question: string) => string | undefined, ...args: readonly string[]): Promise<Output>;
  /** The same where the domain has websites. */
  beside(websites: readonly ServedIssuer[], ...args: readonly string[]): Promise<Output>;
  file(stack: string): string | undefined;
  write(stack: string, text: string): void;
  close(): void;
}

export async function openLab(
  options: Partial<ResendOptions> = {},
  zones: readonly string[] = ["example.org"],
): Promise<Lab> {
  const directory = mkdtempSync(join(tmpdir(), "new-domain-"));
  for (const name of ["Pulumi.yaml", "stacks"]) cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  const world = new World({
    accountId: ACCOUNT,
    apiToken: CLOUDFLARE_TOKEN,
    zones: zones.map((name, index) => newZone(String(index).repeat(32).slice(0, 32), name)),
  });
  const api: Api = await serveApi(world);
  const resend = await serveResend({ fullAccessKey: RESEND_KEY, requestsPerSecond: 1_000, ...options });
  const stacks = new Map<string, Map<string, string>>();
  let failing = "";
  const path = (stack: string) => join(directory, `Pulumi.${stack}.yaml`);

  const pulumi: Pulumi = {
    stackExists: (stack) => Promise.resolve(stacks.has(stack)),
    initStack(stack) {
      expect(stacks.has(stack)).toBe(false);
      stacks.set(stack, new Map());
      return Promise.resolve();
    },
    setSecret(stack, key, plaintext) {
      if (failing === key) {
        failing = "";
        return Promise.reject(new NewDomainError("pulumi breaks off"));
      }
      const secrets = stacks.get(stack);
      expect(secrets?.has(key)).toBe(false);
      secrets?.set(key, plaintext);
      // As Pulumi does: the key is in the file, and its value cannot be read there without the passphrase of this salt.
      const document = parseDocument(readFileSync(path(stack), "utf8"));
      const config = document.get("config");
      if (isMap(config)) config.set(key, { secure: "v1:AAAA:BBBB" });
      document.set("encryptionsalt", "v1:AAAA:v1:BBBB:CCCC");
      writeFileSync(path(stack), document.toString());
      return Promise.resolve();
    },
  };
  const environment = {
    CLOUDFLARE_API_TOKEN: CLOUDFLARE_TOKEN,
    CLOUDFLARE_BASE_URL: api.baseUrl,
    RESEND_API_KEY: RESEND_KEY,
    RESEND_BASE_URL: resend.baseUrl,
  };
  return {
    directory,
    environment,
    world,
    resend,
    stacks,
    failAt: (key) => (failing = key),
    newDomain: (...args) => newDomain(args, {}),
    beside: (websites, ...args) => newDomain(args, { websites: () => Promise.resolve(websites) }),
    asked: (answer, ...args) =>
      newDomain(args, { ask: (question, proposal) => Promise.resolve(answer(question) || proposal) }),
    file: (stack) => (existsSync(path(stack)) ? readFileSync(path(stack), "utf8") : undefined),
    write: (stack, text) => writeFileSync(path(stack), text),
    close() {
      api.close();
      resend.close();
      rmSync(directory, { recursive: true });
    },
  };

  async function newDomain(args: readonly string[], at: Pick<Surroundings, "ask" | "websites">): Promise<Output> {
    const output = await run(args, environment, { directory, now: NOW, pulumi, ...at });
    const said = JSON.stringify(output);
    const secrets = [...stacks.values()].flatMap((each) => [...each.values()]);
    for (const secret of [CLOUDFLARE_TOKEN, RESEND_KEY, ...secrets])
      expect(said).not.toContain(JSON.stringify(secret).slice(1, -1));
    return output;
  }
}
