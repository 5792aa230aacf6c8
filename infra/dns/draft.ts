import type { Level, Owner, RecordData } from "./record";

/** What a builder says of a record; {@link mailRecords} adds what follows from it (key, zone, TTL). */
export interface Draft {
  /** Lower-case FQDN without trailing dot. */
  readonly name: string;
  readonly data: RecordData;
  readonly level: Level;
  /** One sentence: why the record exists, what its absence costs, the RFC. */
  readonly why: string;
  /** The zone that holds the record; the mail domain when left out. */
  readonly zone?: string;
  /** `program` when left out. */
  readonly owner?: Owner;
  /** `false` when left out. */
  readonly proxied?: boolean;
}
