import { AdoptError } from "./fault";
import { isProps, listOf, type Props, textOf } from "./props";

/** What the engine shows for a value that is known only after `up`. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** A resource of the program, as `pulumi preview` declares it. */
export interface Wanted {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** {@link UNKNOWN} where a value is not known yet; secrets are `[secret]`. */
  readonly inputs: Props;
  /** The resources from which a property's value comes, by property. */
  readonly dependsOn: Readonly<Record<string, readonly string[]>>;
}

/** One entry of Pulumi's import file (`pulumi import --help`), as `preview --import-file` writes it. */
export interface ImportEntry {
  readonly type: string;
  /** Unique in the file; the resource's own name when `logicalName` is absent. */
  readonly name: string;
  readonly logicalName?: string;
  readonly id?: string;
  readonly parent?: string;
  readonly component?: boolean;
  readonly version?: string;
}

export interface ImportFile {
  /** URNs of resources that are in the state already, by the names under which entries refer to them. */
  readonly nameTable?: Readonly<Record<string, string>>;
  readonly resources: readonly ImportEntry[];
}

/** What a preview says: what would be created, and what the state has already. */
export interface Preview {
  readonly wanted: readonly Wanted[];
  /** Resources of the state, with their ids and what they are declared as. */
  readonly kept: readonly (Wanted & { readonly id: string })[];
  /** The stack's configuration in plain text; secrets are left out. */
  readonly config: Readonly<Record<string, string>>;
}

/** @param json what `pulumi preview --json` prints. @throws AdoptError when it is something else */
export function readPreview(json: string): Preview {
  const shown = parsed(json, "pulumi preview --json");
  const steps = listOf(shown["steps"]).map((step) => ({ step, wanted: wantedOf(step) }));
  const config = Object.entries(isProps(shown["config"]) ? shown["config"] : {});
  return {
    wanted: steps.flatMap(({ step, wanted }) => (step["op"] === "create" && wanted ? [wanted] : [])),
    kept: steps.flatMap(({ step, wanted }) => {
      const id = isProps(step["oldState"]) ? textOf(step["oldState"]["id"]) : "";
      return wanted && id !== "" ? [{ ...wanted, id }] : [];
    }),
    config: Object.fromEntries(config.filter((entry): entry is [string, string] => typeof entry[1] === "string")),
  };
}

/** @param json what `pulumi preview --import-file` wrote */
export function readImportFile(json: string): ImportFile {
  const file = parsed(json, "pulumi preview --import-file");
  const resources = listOf(file["resources"]).filter((entry): entry is Props & ImportEntry =>
    ["type", "name"].every((key) => typeof entry[key] === "string"),
  );
  const table = file["nameTable"];
  return isProps(table) ? { nameTable: table as Record<string, string>, resources } : { resources };
}

function wantedOf(step: Props): Wanted | undefined {
  const urn = textOf(step["urn"]);
  const state = isProps(step["newState"]) ? step["newState"] : step["oldState"];
  if (urn === "" || !isProps(state)) return undefined;
  const inputs = isProps(state["inputs"]) ? state["inputs"] : {};
  const dependencies = Object.entries(isProps(state["propertyDependencies"]) ? state["propertyDependencies"] : {});
  const dependsOn = dependencies.map(([key, urns]) => [key, Array.isArray(urns) ? urns.map(String) : []] as const);
  const [, , qualified = "", ...name] = urn.split("::");
  return {
    urn,
    type: qualified.slice(qualified.lastIndexOf("$") + 1),
    name: name.join("::"),
    inputs,
    dependsOn: Object.fromEntries(dependsOn),
  };
}

function parsed(json: string, what: string): Props {
  try {
    const value: unknown = JSON.parse(json);
    if (isProps(value)) return value;
  } catch {
    // As below.
  }
  throw new AdoptError(`${what} gave no JSON. Nothing was changed. Use pulumi 3.259 or newer: pulumi version`);
}
