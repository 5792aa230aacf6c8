import { utimesSync } from "node:fs";

import type { Break } from "../break";
import { ago, apps, broken, DAY_MS, report } from "./machine";

export const BACKUP: readonly Break[] = [
  broken(
    "backup.backup",
    "it failed",
    /^failed: the bucket is gone$/,
    report((jobs) => {
      jobs["backup"] = { ...jobs["backup"], failure: ago(0), why: "the bucket is gone" };
    }),
    { remedy: /mail-backup backup$/ },
  ),
  broken(
    "backup.backup",
    "none for four days",
    /^96 h ago$/,
    report((jobs) => {
      jobs["backup"] = { success: ago(4 * DAY_MS) };
    }),
    { remedy: /mail-backup backup$/ },
  ),
  broken(
    "backup.check",
    "none for two weeks",
    /^336 h ago$/,
    report((jobs) => {
      jobs["check"] = { success: ago(14 * DAY_MS) };
    }),
    { status: "warning", remedy: /mail-backup check$/ },
  ),
  broken(
    "backup.drill",
    "never tried",
    /^never$/,
    report((jobs) => {
      delete jobs["drill"];
    }),
    { status: "warning", remedy: /mail-backup drill$/ },
  ),
  broken(
    "backup.export",
    "two days ago",
    /^48 h ago$/,
    report((jobs) => {
      jobs["export"] = { success: ago(2 * DAY_MS) };
    }),
    { status: "warning", remedy: /mail-backup export$/ },
  ),
  broken(
    "backup.manifest",
    "of last week",
    /^168 h ago$/,
    (lab) => {
      const file = apps(lab, "stalwart/data/export/manifest.json");
      const set = (ms: number) => utimesSync(file, new Date(ms), new Date(ms));
      set(Date.now() - 7 * DAY_MS);
      return () => set(Date.now());
    },
    { remedy: /mail-backup export$/ },
  ),
];
