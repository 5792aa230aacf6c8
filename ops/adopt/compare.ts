import type { Findings } from "./findings";
import type { Live } from "./live";
import { leftObjects, matchObjects } from "./objects";
import { judgeRest, matchRecords, refusedMx } from "./records";
import { TYPE } from "./types";
import type { Preview } from "./wanted";

/** The program beside what exists: what becomes what, what differs, what stays as it is. */
export function compare({ wanted, kept }: Preview, live: Live): Findings {
  const known = new Map(kept.map(({ urn, type, id }) => [urn, { type, id }] as const));
  const inState = new Set(kept.filter(({ type }) => type === TYPE.record).map(({ id }) => id));
  // Components have no counterpart anywhere.
  const custom = wanted.filter(({ type }) => !type.startsWith("mail:") && !type.startsWith("pulumi:"));
  const isRecord = ({ type }: { readonly type: string }) => type === TYPE.record;
  const objects = matchObjects(
    custom.filter((each) => !isRecord(each)),
    live,
    known,
  );
  const records = matchRecords(
    custom.filter(isRecord),
    live.records.filter(({ id }) => !inState.has(id)),
    objects.ids,
  );
  const declared = [...custom, ...kept].filter(isRecord);
  const rest = judgeRest(records.rest, declared, objects.ids, live.zones);
  return {
    adopted: [...objects.adopted, ...records.adopted],
    created: [...objects.created, ...records.created],
    left: [...rest.left, ...leftObjects(live, objects.ids)],
    inTheWay: [...objects.inTheWay, ...rest.inTheWay, ...refusedMx(records, live.zones)],
  };
}
