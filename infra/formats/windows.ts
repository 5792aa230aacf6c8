/**
 * Arguments as one line that a Windows program takes apart into exactly these (CommandLineToArgvW, "Parsing C command-line
 * arguments"): quotation marks around blanks, a backslash before a quotation mark, and backslashes before one doubled.
 *
 * @throws Error for a control character
 */
export function windowsArguments(args: readonly string[]): string {
  return args.map(argument).join(" ");
}

function argument(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new Error("An argument cannot hold a control character.");
  if (/^[^\s"]+$/.test(text)) return text;
  return `"${text.replace(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, "$&$&")}"`;
}
