import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Break, Undo } from "../break";
import type { Lab } from "../lab";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const HOST = /^On the host: /;
export const AGAIN = /--replace '\*\*host-files'$/;

export const apps = ({ outside, patient }: Lab, path: string) =>
  join(outside.host.folder, patient.deployment.settings.host.folder, path);

/** A program that comes first on the host's PATH. */
export function program(name: string, text: string) {
  return ({ outside }: Lab): Undo => {
    const file = join(dirname(outside.host.folder), "bin", name);
    const before = existsSync(file) ? readFileSync(file) : undefined;
    writeFileSync(file, `#!/bin/bash\n${text}\n`);
    chmodSync(file, 0o755);
    return () => (before === undefined ? rmSync(file) : writeFileSync(file, before));
  };
}

export function content(path: string, change: (text: string) => string) {
  return (lab: Lab): Undo => {
    const file = apps(lab, path);
    const before = readFileSync(file);
    writeFileSync(file, change(before.toString("utf8")));
    return () => writeFileSync(file, before);
  };
}

/** What the backup's own report says. */
export function report(change: (jobs: Record<string, { success?: string; failure?: string; why?: string }>) => void) {
  return content("backup/state/status.json", (text) => {
    const jobs = JSON.parse(text) as Record<string, object>;
    change(jobs);
    return JSON.stringify(jobs);
  });
}

export const ago = (ms: number) => new Date(Date.now() - ms).toISOString().replace(/\.\d+Z$/, "Z");

export function compose(...args: readonly string[]) {
  return async ({ outside, patient }: Lab): Promise<void> => {
    const file = apps({ outside, patient } as Lab, "mail-stack/compose.yaml");
    const asked = { args: ["compose", "-f", file, ...args], cwd: outside.host.folder, environment: {}, stdin: "" };
    await outside.host.engine.docker(asked);
  };
}

/** One object of Stalwart's registry more. */
export function registered(type: string, object: object) {
  return async (lab: Lab): Promise<Undo> => {
    let said = "";
    const set = async (args: object) => {
      const result = await lab.admin(`x:${type}/set`, args);
      said = JSON.stringify(result);
      return result["created"] as Record<string, { id: string }> | undefined;
    };
    const id = (await set({ create: { one: object } }))?.["one"]?.id;
    if (id === undefined) throw new Error(`Stalwart refuses the ${type}: ${said}`);
    return () => set({ destroy: [id] });
  };
}

export function broken(
  id: string,
  what: string,
  current: RegExp,
  apply: Break["apply"],
  more: Partial<Break> = {},
): Break {
  return { id, what, status: "error", current, remedy: HOST, apply, ...more };
}
