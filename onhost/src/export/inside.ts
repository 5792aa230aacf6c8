import { lstatSync, type Stats } from "node:fs";
import * as path from "node:path";
import { Fault, reasonOf } from "../fault";

/** Of one name and of a whole path, as Linux has them (NAME_MAX, PATH_MAX). */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4_095;

/** The parts of an account's folder; every name in an export is below one of them. */
export type Part = "mail" | "metadata" | "scripts";

/** A name in an export that does not stay in its folder. Other names of the same export can still be used. */
export class NotInside extends Fault {
  constructor(name: string, fact: string) {
    super(
      `${shortened(name)} ${fact}.`,
      "The programs of this project write no such name, so this export was damaged or made by somebody else.",
      "Use another export. To list the snapshots of the backup, run on the host: /apps/backup/mail-backup snapshots",
    );
    this.name = "NotInside";
  }
}

/** A folder whose content is not trusted. Names become paths here and nowhere else. */
export interface Inside {
  /** The path of a name like `mail/INBOX/x.eml`, which may not exist. @throws NotInside */
  readonly place: (name: string) => string;
  /** As `place`, of a part of the account's folder. @throws NotInside */
  readonly partPlace: (part: Part, name: string) => string;
}

/**
 * Names below `root` that stay there: no `..`, nothing absolute, no backslash or control character, and no symbolic link
 * on the way or at the end, which a restored folder may hold. What exists at the end is a folder or a file, because
 * reading a pipe would never end. The operator named `root` itself, so it may be a link.
 */
export function inside(root: string): Inside {
  const folders = new Set<string>();
  return { place, partPlace };

  function partPlace(part: Part, name: string): string {
    if (!name.startsWith(`${part}/`)) throw new NotInside(name, `is not below ${part}/`);
    return place(name);
  }

  function place(name: string): string {
    const steps = name.split("/");
    if (Buffer.byteLength(path.join(root, name)) > MAX_PATH_BYTES) throw new NotInside(name, "is too long as a path");
    for (const step of steps) refuse(name, step);
    let at = root;
    for (const [index, step] of steps.entries()) {
      at = path.join(at, step);
      if (folders.has(at)) continue;
      const stats = statsOf(name, at);
      if (stats === undefined) break;
      if (stats.isSymbolicLink()) throw new NotInside(name, "goes through a symbolic link");
      if (stats.isDirectory()) folders.add(at);
      else if (index < steps.length - 1 || !stats.isFile()) throw new NotInside(name, "is neither a file nor a folder");
    }
    return path.join(root, name);
  }
}

function refuse(name: string, step: string): void {
  if (step === "" || step === "." || step === "..") throw new NotInside(name, "leads out of the export's folder");
  // eslint-disable-next-line no-control-regex
  if (/[\\\u0000-\u001f\u007f]/.test(step)) throw new NotInside(name, "has a backslash or a control character");
  if (Buffer.byteLength(step) > MAX_NAME_BYTES) throw new NotInside(name, "has a part that is too long");
}

function statsOf(name: string, at: string): Stats | undefined {
  try {
    return lstatSync(at, { throwIfNoEntry: false });
  } catch (error) {
    throw new NotInside(name, `cannot be looked at (${reasonOf(error)})`);
  }
}

const SHOWN = 120;

/** A hostile name may be megabytes long. */
function shortened(name: string): string {
  return JSON.stringify(name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name);
}
