/** Variables, functions and constants that the expressions of this deployment may name; Stalwart knows more. */
const NAMES = new Set([
  "authenticated_as",
  "helo_domain",
  "is_empty",
  "is_local_address",
  "is_local_domain",
  "is_tls",
  "last_error",
  "listener",
  "local_ip",
  "local_port",
  "priority",
  "rcpt",
  "rcpt_domain",
  "remote_ip",
  "retry_num",
  "sender",
  "sender_domain",
  "source",
  "system",
  "login",
  "oauthbearer",
  "plain",
  "xoauth2",
  "true",
  "false",
  "disable",
  "relaxed",
  "strict",
  "daily",
]);
const TOKEN = /\s+|'[^']*'|\d+(?:ms|[smhd])?|[A-Za-z_][A-Za-z0-9_-]*|&&|\|\||[=!<>]=|[-+*/()[\],<>!]/y;

/** What Stalwart says of an expression that it cannot read; undefined for a good one. */
export function expressionFault(text: string): string | undefined {
  if (text === "") return "Expression is empty";
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const [token] = TOKEN.exec(text) ?? [];
    if (token === undefined)
      return text[at] === "'" ? "Unterminated string" : `Unexpected character ${JSON.stringify(text[at])}`;
    if (/^[A-Za-z_]/.test(token) && !NAMES.has(token)) return `Invalid variable or constant ${JSON.stringify(token)}`;
  }
  return undefined;
}
