import { nodeCrypto } from "../node-crypto";
import { namesIn, readIfThere, removeDurably, SECRET_MODE, writeDurably } from "../store";

const KEY_BYTES = 32;
const KEY_FORM = /^ARR_[A-Za-z0-9_-]{43}$/;
const FILE_NAME = /^arrivals-([1-9]\d{0,3})$/;

/** The key with this number from the folder `arrivals/keys`; made when there is none. It is valid for this question only. */
export function ensureArrivalsKey(folder: string, number: number): string {
  const file = `${folder}/arrivals-${number}`;
  const stored = readIfThere(file)?.trim();
  if (stored !== undefined && KEY_FORM.test(stored)) return stored;
  const key = `ARR_${nodeCrypto().randomBytes(KEY_BYTES).toString("base64url")}`;
  writeDurably(file, `${key}\n`, SECRET_MODE);
  return key;
}

/** Every key that is accepted, the newest first. */
export function arrivalsKeys(folder: string): readonly string[] {
  return numbersIn(folder)
    .sort((one, other) => other - one)
    .flatMap((number) => readIfThere(`${folder}/arrivals-${number}`)?.trim() ?? [])
    .filter((key) => KEY_FORM.test(key));
}

/** Removes the keys with lower numbers. */
export function retireArrivalsKeys(folder: string, number: number): void {
  for (const older of numbersIn(folder)) if (older < number) removeDurably(`${folder}/arrivals-${older}`);
}

function numbersIn(folder: string): number[] {
  return namesIn(folder).flatMap((name) => {
    const digits = FILE_NAME.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
}
