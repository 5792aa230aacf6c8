import { statSync } from "node:fs";
import { hashOf } from "../export/incoming";

const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Why a file of the export must not be uploaded; undefined when it is what its list says. Only the hash shows that
 * the file under this name is that message. `size` in bytes, where the list has it.
 */
export async function differenceOf(file: string, sha256: string, size?: number): Promise<string | undefined> {
  if (!SHA256.test(sha256)) return "its list does not give its SHA-256";
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return "the file is not there";
  if (!stats.isFile()) return "it is not a file";
  if (size !== undefined && stats.size !== size) return `it has ${stats.size} bytes, and its list says ${size}`;
  return (await hashOf(file)) === sha256 ? undefined : "it does not have the SHA-256 that its list gives";
}
