import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";

import { mailRecords } from "../../infra/dns/records";
import type { Settings } from "../../infra/settings/settings";
import { settingsOf } from "../../infra/settings/stack-file";
import type { Area, Credential } from "../../ops/doctor/check";
import { checksOf } from "../../ops/doctor/checks";
import { contextOf, type Network, type Patient } from "../../ops/doctor/examine";
import { REAL_PLACES } from "../../ops/doctor/net/place";
import type { Deployment } from "../../ops/doctor/context";
import { type Result, runChecks } from "../../ops/doctor/runner";
import { convergeWithoutEngine } from "../../sandbox/converge";
import { type Outside, startOutside } from "../../sandbox/outside";
import { standIns } from "../../sandbox/stand-ins";

/** The sandbox's deployment as its operator sees it: account, host and Stalwart. */
export interface Inside {
  readonly outside: Outside;
  readonly patient: Patient;
  /** Runs the checks of these areas at this moment, or without these credentials. */
  look(areas: ReadonlySet<Area>, at?: Date, missing?: ReadonlyMap<Credential, string>): Promise<readonly Result[]>;
  /** What Resend's API answers; nobody is there otherwise. */
  resend: ((init: RequestInit) => Promise<Response>) | undefined;
  /** Settings that the doctor has instead of the right ones. */
  instead: Partial<Settings>;
  /** One method of Stalwart's, called by its administrator. */
  admin(method: string, args: object): Promise<Readonly<Record<string, unknown>>>;
  /** Files as the jobs of last night leave them: the sandbox has no repository for restic. */
  backUp(): void;
  close(): Promise<void>;
}

export async function startInside(stack = "prod"): Promise<Inside> {
  const invented = standIns(stack);
  const settings = settingsOf(stack, invented);
  const outside = await startOutside(settings, invented);
  await convergeWithoutEngine(stack, invented, outside);
  const environment = { CLOUDFLARE_API_TOKEN: invented.apiToken, CLOUDFLARE_BASE_URL: outside.apiUrl };
  const deployment = { stack, settings, records: mailRecords(settings), outputs: {} };
  const patient: Patient = { deployment, missing: new Map(), environment };
  const network: Network = {
    dns: { resolver: "127.0.0.1", resolverPort: 1, port: 1 },
    net: { places: REAL_PLACES },
    arrivalMs: ARRIVAL_MS,
    fetch: (url, init) =>
      url.startsWith("https://api.resend.com/") && inside.resend ? inside.resend(init) : outside.fetch(url, init),
  };
  const inside: Inside = {
    outside,
    patient,
    instead: {},
    resend: undefined,
    async look(areas, at = new Date(), missing = new Map()) {
      const checks = checksOf(deployment).filter(({ area }) => areas.has(area));
      const results = await runChecks(checks, contextOf({ ...patient, deployment: known(), missing }, network, at), {
        budgetMs: 60_000,
      });
      // Connections that ended are closed before the next test.
      await setImmediate();
      return results;
    },
    async admin(method, args) {
      const [answer] = await contextOf(patient, network).jmap.call(USING, [[method, args, "0"]]);
      return answer?.[1] ?? {};
    },
    backUp() {
      const folder = join(outside.host.folder, settings.host.folder);
      const success = new Date().toISOString().replace(/\.\d+Z$/, "Z");
      const job = { success, failure: null };
      for (const path of ["backup/state", "stalwart/data/export"]) mkdirSync(join(folder, path), { recursive: true });
      writeFileSync(
        join(folder, "backup/state/status.json"),
        JSON.stringify({ format: 1, export: job, backup: job, check: job, drill: job }),
      );
      writeFileSync(join(folder, "stalwart/data/export/manifest.json"), "{}");
    },
    close: () => outside.close(),
  };
  return inside;

  function known(): Deployment {
    return { ...deployment, settings: { ...settings, ...inside.instead } };
  }
}

/** In the sandbox a mail is home within the second. */
const ARRIVAL_MS = 5_000;
const USING = ["urn:ietf:params:jmap:core", "urn:stalwart:jmap"];

/** What was not fine, as a test compares it. */
export function faultsOf(results: readonly Result[]) {
  return results.flatMap(({ check: { id }, finding: { status, current, remedy = "" } }) =>
    status === "error" || status === "warning" ? [{ id, status, current, remedy }] : [],
  );
}
