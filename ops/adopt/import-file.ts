import { AdoptError } from "./fault";
import type { Adopted } from "./findings";
import type { ImportEntry, ImportFile } from "./wanted";

/**
 * Pulumi's import file with what is adopted and the components that hold it, and nothing else: every resource that stays
 * in it without an id would make the import fail.
 *
 * @param template as `pulumi preview --import-file` wrote it, every resource that would be created
 */
export function importFile(template: ImportFile, adopted: readonly Adopted[]): ImportFile {
  const entries = adopted.map(({ wanted, importId }) => {
    const entry = template.resources.find(
      ({ type, name, logicalName }) => type === wanted.type && (logicalName ?? name) === wanted.name,
    );
    if (!entry)
      throw new AdoptError(
        `pulumi's import file does not name ${wanted.name} (${wanted.type}), which its preview creates. Nothing was ` +
          "written. Use pulumi 3.259 or newer: pulumi version",
      );
    return { ...entry, id: importId };
  });
  return { ...template, resources: [...parentsOf(entries, template.resources), ...entries] };
}

/** All the components above the entries, in the order of the template: parents come first there. */
function parentsOf(entries: readonly ImportEntry[], all: readonly ImportEntry[]): readonly ImportEntry[] {
  const needed = new Set<ImportEntry>();
  const components = all.filter(({ component }) => component === true);
  for (let level: readonly ImportEntry[] = entries; level.length > 0;) {
    const above = components.filter((each) => !needed.has(each) && level.some(({ parent }) => parent === each.name));
    for (const each of above) needed.add(each);
    level = above;
  }
  return all.filter((each) => needed.has(each));
}
