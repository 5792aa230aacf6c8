/** Type names of Pulumi's project configuration schema (`Pulumi.yaml`, section `config`). */
export type KeyType = "string" | "integer" | "boolean" | "array";

export interface ConfigKey {
  readonly type: KeyType;
  /** One sentence for the operator; the reference page and `Pulumi.yaml` show it. */
  readonly description: string;
  /**
   * `undefined` for a required key. Pulumi refuses a stack without a value for a key that has no default, so required
   * plain keys get `""` in `Pulumi.yaml` and are reported by the parser together with all other problems.
   */
  readonly default?: string | number | boolean | readonly (string | number)[];
  /** What the parser uses when the key is absent, where that depends on other keys; shown in the reference page. */
  readonly derived?: string;
  /** Must be stored encrypted (`pulumi config set --secret`). */
  readonly secret?: true;
  /**
   * A secret that only some deployments need: a value must be stored encrypted, none is fine. Pulumi's own schema cannot
   * say so: there a secret is always required, because a default would lie in the clear.
   */
  readonly encrypted?: true;
  /**
   * Belongs to the host: a further domain has it from the host's stack. So Pulumi's schema cannot require such a secret, and
   * the parser does.
   */
  readonly ofHost?: true;
  /** May hold something secret (a URL with a token in it): never shown, stored encrypted or not as one likes. */
  readonly sensitive?: true;
  /** A value for examples and for the command that fixes a problem. */
  readonly example: string;
  /** How a secret gets to the command that sets it; without this Pulumi asks for it and does not show it. */
  readonly input?: SecretInput;
}

/** A secret is never a file in the checkout: a program makes it, or its owner keeps it in a file elsewhere anyway. */
export type SecretInput = { readonly pipe: string } | { readonly file: string };
