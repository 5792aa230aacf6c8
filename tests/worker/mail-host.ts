import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { IMPORTER_PERMISSIONS } from "../../sandbox/host/accounts";
import type { Permission } from "../../sandbox/host/accounts";
import { createJmapServer } from "../../sandbox/host/jmap-server";
import type { JmapServer } from "../../sandbox/host/jmap-server";

/** What is asserted here was measured on Stalwart 0.16.18, unless it says otherwise. */
export const DOMAIN = "example.org";
export const USING = ["core", "mail", "principals"].map((name) => `urn:ietf:params:jmap:${name}`);
export const KEY = "Bearer API_key";
export const ROOT = `Basic ${Buffer.from(`root@${DOMAIN}:pw`).toString("base64")}`;
export const RAW = Buffer.from("Subject: x\n\n\0body");

/** Of the running test; {@link restart} makes another one. */
export let server: JmapServer;
/** Where it writes what is delivered. */
export let mailFolder: string;

beforeEach(async () => {
  mailFolder = mkdtempSync(path.join(tmpdir(), "mail-host-"));
  server = await start(IMPORTER_PERMISSIONS);
});

afterEach(async () => {
  await server.close();
  rmSync(mailFolder, { recursive: true });
});

/** The Worker's key may do only that from now on. */
export async function restart(permissions: readonly Permission[]): Promise<void> {
  await server.close();
  server = await start(permissions);
}

function start(permissions: readonly Permission[]): Promise<JmapServer> {
  return createJmapServer({
    publicUrl: "https://mail.example.org",
    domain: DOMAIN,
    accounts: [
      { address: `root@${DOMAIN}`, aliases: [`postmaster@${DOMAIN}`], password: "pw" },
      { address: `tiny@${DOMAIN}`, password: "pw", quotaBytes: 1 },
    ],
    apiKey: { token: "API_key", permissions },
    mailFolder,
  });
}

export function get(url: string, authorization?: string): Promise<Response> {
  const headers = authorization === undefined ? {} : { authorization };
  return fetch(`http://127.0.0.1:${server.port}${url}`, { headers, redirect: "manual" });
}

export function post(
  url: string,
  body: string | Buffer,
  authorization: string,
  contentType = "application/json",
): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${url}`, {
    method: "POST",
    headers: { authorization, "content-type": contentType },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
}

export function request(methodCalls: readonly unknown[], using = USING): string {
  return JSON.stringify({ using, methodCalls });
}

export type MethodResponse = readonly [name: string, args: Readonly<Record<string, unknown>>, callId: string];

export async function call(name: string, args: object, authorization = KEY, using = USING): Promise<MethodResponse> {
  const answer = await post("/jmap", request([[name, args, "0"]], using), authorization);
  const { methodResponses } = (await answer.json()) as { methodResponses: readonly [MethodResponse] };
  return methodResponses[0];
}

export function importMail(change: object, accountId = "c"): Promise<MethodResponse> {
  return call("Email/import", { accountId, emails: { e: { mailboxIds: { a: true }, keywords: {}, ...change } } });
}

export async function upload(content: Buffer): Promise<string> {
  const answer = await post("/jmap/upload/b/", content, KEY, "message/rfc822");
  return ((await answer.json()) as { blobId: string }).blobId;
}
