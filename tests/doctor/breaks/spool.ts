import { R2_BUCKET, R2_LIFECYCLE } from "../../../sandbox/cloud/kinds/r2";
import type { Props } from "../../../sandbox/cloud/props";
import type { Break } from "../break";
import { alter, any, broken, found, inBucket, remove, waiting } from "./account";

const GIBIBYTE = 1024 ** 3;
const SPOOL = /^npm run spool -- prod list/;

export const SPOOLED: readonly Break[] = [
  broken("edge.bucket", "is gone", /^none$/, remove(R2_BUCKET, any)),
  broken(
    "edge.lifecycle",
    "deletes mail",
    /^everything after 7 days$/,
    alter(R2_LIFECYCLE, any, {
      rules: [
        {
          ...{ id: "all", enabled: true, conditions: { prefix: "" } },
          deleteObjectsTransition: { condition: { type: "Age", maxAge: 7 * 86_400 } },
        },
      ],
    }),
  ),
  broken("edge.lifecycle", "is switched off", /^nothing is deleted$/, (world) => {
    const { rules } = found(world, R2_LIFECYCLE, any).props as { rules: readonly Props[] };
    return alter(R2_LIFECYCLE, any, { rules: rules.map((rule) => ({ ...rule, enabled: false })) })(world);
  }),
  broken(
    "edge.lifecycle",
    "keeps the dead for ever",
    /^begun\/ after 30 days, ids\/ after 400 days, ledger\/ after \d+ days, retry\//,
    (world) => {
      const { rules } = found(world, R2_LIFECYCLE, any).props as { rules: readonly Props[] };
      const isOfDead = ({ id }: Props) => id === "delete what nobody put back";
      return alter(R2_LIFECYCLE, any, { rules: rules.filter((rule) => !isOfDead(rule)) })(world);
    },
  ),
  broken(
    "spool.age",
    "a message of an hour ago",
    /^1 waits, the oldest for 60 min$/,
    inBucket(() => waiting(60)),
    {
      status: "warning",
      remedy: SPOOL,
    },
  ),
  broken(
    "spool.age",
    "a message of two days ago",
    /the oldest for 2880 min$/,
    inBucket(() => waiting(2880)),
    {
      remedy: SPOOL,
    },
  ),
  broken(
    "spool.dead",
    "one is refused",
    /^1$/,
    inBucket(() => waiting(1).replace("spool/", "dead/")),
    {
      remedy: /retry KEY --yes$/,
    },
  ),
  broken(
    "spool.size",
    "six gigabytes wait",
    /^6144 MiB$/,
    (world) => {
      const { buckets } = world;
      const big = { key: waiting(1), size: 6 * GIBIBYTE, uploaded: new Date(), metadata: {} };
      world.buckets = {
        ...buckets,
        list: async (bucket, prefix) => [
          ...(await buckets.list(bucket, prefix)),
          ...(big.key.startsWith(prefix) ? [big] : []),
        ],
      };
      return () => (world.buckets = buckets);
    },
    { status: "warning", remedy: SPOOL },
  ),
];
