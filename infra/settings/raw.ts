/** One configuration value as Pulumi hands it over: strings plain, integers and booleans as text, arrays as JSON. */
export interface RawValue {
  /** `undefined`: a secret whose plaintext is not available here (an encrypted value read without an engine). */
  readonly text: string | undefined;
  /** Stored encrypted. */
  readonly secret: boolean;
}

/** The project's configuration by bare key (`domain`, not `mail:domain`). */
export type RawConfig = ReadonlyMap<string, RawValue>;
