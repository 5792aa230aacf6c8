import { expiries } from "../../../infra/edge/spool-rules";
import { DEAD_DAYS } from "../../../worker/src/spool";
import { isProps, listOf, type Props, textOf } from "../../adopt/props";
import { readEntries } from "../../spool/entries";
import { type Check, error, ok, warning } from "../check";
import type { Deployment } from "../context";
import { converge } from "./ask";
import { EDGE_TOKEN, edgeCheck } from "./edge";

const MINUTE_MS = 60_000;
const DAY_SECONDS = 86_400;
const DAY_MS = DAY_SECONDS * 1_000;
/** The clock strikes every minute: older mail means that home does not take it. */
const OLD_MINUTES = 15;
/** Past this senders would long have been told, had they kept the message themselves. */
const TOO_OLD_MINUTES = 24 * 60;
/** Of the free plan's 10 GB. */
const MOST_BYTES = 5 * 1024 ** 3;
const MEBIBYTE = 1024 ** 2;

/** The bucket in which mail waits, and the mail in it. */
export function bucketChecks(deployment: Deployment): readonly Check[] {
  const { settings, stack } = deployment;
  const { accountId, spool } = settings;
  if (!spool) return [];
  const path = `/accounts/${accountId}/r2/buckets/${spool.bucket}`;
  const look = `npm run spool -- ${stack} list`;
  return [
    edgeCheck({
      id: "edge.bucket",
      title: "The spool's bucket exists",
      why: "Mail that home does not take waits there.",
      needs: [EDGE_TOKEN],
      run: async ({ cloudflare }) => {
        const buckets = await cloudflare.list(
          `/accounts/${accountId}/r2/buckets`,
          (result) => isProps(result) && result["buckets"],
        );
        if (buckets.some(({ name }) => name === spool.bucket)) return ok(spool.bucket);
        return error("none", spool.bucket, converge(deployment));
      },
    }),
    edgeCheck({
      id: "edge.lifecycle",
      title: "The bucket deletes what is old, and never mail that waits",
      why: "A rule for another prefix would delete mail; without rules the bucket grows forever.",
      needs: ["edge.bucket"],
      run: async ({ cloudflare }) => {
        const rules = listOf((await cloudflare.get(`${path}/lifecycle`))?.["rules"]).filter(
          ({ enabled }) => enabled === true,
        );
        const sentence = (texts: readonly string[]) => [...texts].sort().join(", ");
        const expected = sentence(expiries(spool.ledgerDays).map(({ prefix, days }) => `${prefix} after ${days} days`));
        const current = sentence(rules.flatMap(deletion)) || "nothing is deleted";
        return current === expected ? ok(current) : error(current, expected, converge(deployment));
      },
    }),
    edgeCheck({
      id: "spool.age",
      area: "spool",
      title: "No mail waits for long",
      why: "It is safe in the spool, and nobody reads it.",
      needs: ["edge.bucket"],
      run: async ({ cloudflare, now }) => {
        const waiting = (await readEntries(cloudflare.spool)).filter(({ state }) => state === "waiting");
        const expected = `none older than ${OLD_MINUTES} min`;
        if (waiting.length === 0) return ok("nothing waits", expected);
        const oldest = Math.min(...waiting.map(({ receivedAt }) => receivedAt?.getTime() ?? now.getTime()));
        const minutes = Math.floor((now.getTime() - oldest) / MINUTE_MS);
        const current = `${waiting.length} ${waiting.length === 1 ? "waits" : "wait"}, the oldest for ${minutes} min`;
        if (minutes >= TOO_OLD_MINUTES) return error(current, expected, `${look}; the reason is in its table`);
        return minutes >= OLD_MINUTES
          ? warning(current, expected, `${look}; the reason is in its table`)
          : ok(current, expected);
      },
    }),
    edgeCheck({
      id: "spool.dead",
      area: "spool",
      title: "Home has refused no message for good",
      why: "Such a message waits for a person, and its sender believes that it arrived.",
      needs: ["edge.bucket"],
      run: async ({ cloudflare }) => {
        const dead = await cloudflare.spool.list("dead/");
        if (dead.length === 0) return ok("none");
        const first = Math.min(...dead.map(({ metadata }) => Date.parse(metadata["deadAt"] ?? "") || Infinity));
        const until = first === Infinity ? "" : `, deleted from ${dayOf(first + DEAD_DAYS * DAY_MS)} on`;
        return error(`${dead.length}${until}`, "none", `${look}; then: npm run spool -- ${stack} retry KEY --yes`);
      },
    }),
    edgeCheck({
      id: "spool.size",
      area: "spool",
      title: "The spool has room",
      why: "A full one refuses mail to senders.",
      needs: ["edge.bucket"],
      run: async ({ cloudflare }) => {
        const objects = [...(await cloudflare.spool.list("spool/")), ...(await cloudflare.spool.list("dead/"))];
        const bytes = objects.reduce((sum, { size }) => sum + size, 0);
        const current = `${Math.ceil(bytes / MEBIBYTE)} MiB`;
        const expected = `below ${MOST_BYTES / MEBIBYTE} MiB`;
        return bytes < MOST_BYTES ? ok(current, expected) : warning(current, expected, look);
      },
    }),
  ];
}

/** As `2026-11-30`. */
function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, "2026-11-30".length);
}

/** `prefix after N days` of a rule that deletes. */
function deletion({ conditions, deleteObjectsTransition: transition }: Props): readonly string[] {
  const condition = isProps(transition) ? transition["condition"] : undefined;
  if (!isProps(condition)) return [];
  const prefix = textOf(isProps(conditions) ? conditions["prefix"] : "") || "everything";
  const age = Number(condition["maxAge"] ?? 0) / DAY_SECONDS;
  return [`${prefix} after ${age} days`];
}
