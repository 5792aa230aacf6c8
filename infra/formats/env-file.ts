/**
 * Environment files as docker compose reads them (`env_file`, compose-go's package dotenv; 2.24 to 2.40 were tried). Outside
 * quotes `$` begins a variable, ` #` begins a comment, and blanks at both ends are dropped. Between single quotes only a
 * backslash before the quote is special; between double quotes `$` and the backslash are. Versions differ in how they read a
 * backslash, so none is written.
 */

const PLAIN = /^[\w./:@%+,=~^*?!&()<>;|{}[\]-]*$/;
const BETWEEN_SINGLE = /^[\x20-\x5b\x5d-\x7e]*$/;
const BETWEEN_DOUBLE = /^[\x20\x21\x23\x25-\x5b\x5d-\x7e]*$/;

/** What is wrong with a text as a value of an environment file, for a person; undefined when it can be written. */
export function envValueFault(text: string): string | undefined {
  if (envValue(text) !== undefined) return undefined;
  if (/[^\x20-\x7e]/.test(text)) return "has a line break or a character outside printable ASCII";
  if (text.includes("\\")) return "has a backslash, which programs read differently in an environment file";
  return "has a single quotation mark together with a double one or a $, which an environment file cannot hold";
}

/**
 * The text of an environment file that gives exactly these values.
 *
 * @throws Error for a value that cannot be written; settings refuse it before ({@link envValueFault})
 */
export function envFile(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, text]) => {
      const value = envValue(text);
      if (value === undefined || !/^[A-Za-z_]\w*$/.test(name))
        throw new Error(`The variable ${JSON.stringify(name)} cannot be written into an environment file.`);
      return `${name}=${value}\n`;
    })
    .join("");
}

function envValue(text: string): string | undefined {
  if (PLAIN.test(text)) return text;
  if (BETWEEN_SINGLE.test(text) && !text.includes("'")) return `'${text}'`;
  return BETWEEN_DOUBLE.test(text) ? `"${text}"` : undefined;
}
