import { isProps, type Props } from "../cloud/props";

/** Under this key the SDK and the engine say what kind of special value an object is. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** True when the SDK or the engine marked the value as a secret. */
export function isSecretMark(value: unknown): boolean {
  return isProps(value) && value[SIGNATURE] === SECRET;
}

/** The value, marked as a secret. */
export function secretMark(value: unknown): Props {
  return { [SIGNATURE]: SECRET, value };
}

/** The value with every secret inside it in the clear, as a service gets it. */
export function withoutSecretMarks(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecretMarks);
  if (!isProps(value)) return value;
  if (isSecretMark(value)) return withoutSecretMarks(value["value"]);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecretMarks(item)]));
}
