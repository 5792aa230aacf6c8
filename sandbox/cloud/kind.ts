import type { Props } from "./props";
import type { World } from "./world";

/** What a service keeps of one resource: its id there and its properties as the service echoes them. */
export interface Remote {
  readonly id: string;
  readonly props: Props;
}

/** The provider's id for an import: as its documentation writes it, and which object it means. */
export interface ImportId {
  /** `<zone_id>/<dns_record_id>`: what is in angle brackets stands for a segment. */
  readonly format: string;
  find(segments: readonly string[], world: World): Remote | undefined;
  /** What can be read of an object that no state remembers; all of it when left out. Secrets never can. */
  readable?(props: Props): Props;
}

/**
 * One resource type of the outside world. A kind refuses what the real service or its provider refuses, and answers with
 * values as the real service normalises them: a shape that would differ after a refresh there differs here too.
 */
export interface Kind {
  /** Inputs whose change makes a new resource. */
  readonly replaceOn: readonly string[];
  /** Properties that only the service sets: unknown before it exists, never compared. */
  readonly computed: readonly string[];
  /** Inputs the service fills in when absent; present in the program they are compared, absent they are not. */
  readonly filled?: readonly string[];
  /** Properties that the provider's schema marks as secret, as a whole. */
  readonly secret?: readonly string[];
  /** Inputs that hold identifiers of other resources in an encoded form: no snapshot can compare them. */
  readonly encoded?: readonly string[];
  /** What the provider itself refuses while previewing. */
  check?(inputs: Props): string | undefined;
  create(inputs: Props, world: World): Remote;
  update(remote: Remote, inputs: Props, world: World): Props;
  delete(remote: Remote, world: World): void;
  /** Where the resource is kept, when its id is shared by several (some provider ids are the account's or zone's). */
  place?(id: string, props: Props): string;
  /** The API knows no delete: the object stays as it is when its resource is destroyed. */
  readonly stays?: true;
  /** How `pulumi import` names the resource; absent: the provider refuses to import the type. */
  readonly importId?: ImportId;
  /** What a read finds, when it differs from what was stored (status that changes by itself). */
  read?(remote: Remote, world: World): Props | undefined;
}
