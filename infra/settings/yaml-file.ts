import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { type Alias, type Document, isAlias, parseDocument, Scalar, visit } from "yaml";
import { oneLine } from "./visible";

/** A file that cannot be used, in words for the operator. */
export class StackFileError extends Error {
  override readonly name = "StackFileError";
}

/**
 * Most are not characters of YAML 1.2, and the engine refuses the whole file for one. A carriage return alone and U+0085, U+2028
 * and U+2029 end a line for the engine, as in YAML 1.1, also that of a comment.
 */
// eslint-disable-next-line no-control-regex -- these are looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]|\r(?!\n)/;

/**
 * A YAML file as the engine would read it. Numbers keep all their digits.
 *
 * @throws StackFileError for a file that the engine refuses, or would read only in part
 */
export function readYaml(path: string, fileName: string): Document {
  const text = decoded(path, fileName);
  const control = CONTROL.exec(text);
  if (control !== null) throw invalid(fileName, `a control character in line ${lineOf(text, control.index)}`);
  // Warnings of the parser quote the file.
  const document = parseDocument(text, { intAsBigInt: true, logLevel: "error" });
  const error = document.errors[0];
  // Not error.message: it quotes the line at fault, and that line may hold a secret.
  if (error !== undefined)
    throw invalid(fileName, `${error.code}${error.linePos === undefined ? "" : ` in line ${error.linePos[0].line}`}`);
  if (document.directives.yaml.explicit === true)
    throw invalid(fileName, "a %YAML directive, which the engine refuses or reads differently. Remove that line");
  const alias = brokenAlias(document);
  if (alias !== undefined)
    throw invalid(
      fileName,
      `the alias *${oneLine(alias.source, 100)} in line ${lineOf(text, alias.range?.[0] ?? 0)} names no anchor before it, or one that contains it`,
    );
  const refused = refusedByEngine(document, text);
  if (refused !== undefined) throw invalid(fileName, `${refused.what} in line ${lineOf(text, refused.at)}`);
  if (isTooMuch(document)) throw invalid(fileName, "aliases that stand for far more than the file holds");
  return document;
}

/** What YAML 1.2 allows and the engine does not: a tab where a line is indented, and escapes that YAML 1.1 did not have. */
function refusedByEngine(document: Document, text: string): { readonly what: string; readonly at: number } | undefined {
  const tab = TAB.exec(text);
  if (tab !== null) return { what: "a tab where the engine takes blanks only", at: tab.index };
  let refused: { readonly what: string; readonly at: number } | undefined;
  visit(document, {
    Scalar(_, { type, value, range }) {
      const [from = 0, to = 0] = range ?? [];
      if ((type === Scalar.BLOCK_LITERAL || type === Scalar.BLOCK_FOLDED) && /^\n*\t/.test(String(value)))
        refused = { what: "a tab at the start of a text of several lines", at: from };
      const escape = type === Scalar.QUOTE_DOUBLE ? REFUSED_ESCAPE.exec(text.slice(from, to)) : null;
      if (escape !== null) refused = { what: `the escape ${oneLine(escape[1] ?? "", 10)}`, at: from + escape.index };
      return refused === undefined ? undefined : visit.BREAK;
    },
  });
  return refused;
}

/** In a line with nothing else but a comment, and behind the mark of an item. */
const TAB = /^ *(?:\t[ \t]*(?:#|\r?$)|(?:- +)*[-?]\t)/m;

/** A solidus, or half of a surrogate pair: JSON has both. Every other escape before it is passed over whole. */
const REFUSED_ESCAPE = /^(?:[^\\]|\\(?!\/|u[dD][89a-fA-F])[^])*(\\\/|\\u[dD][89a-fA-F])/;

/** A few lines can stand for gigabytes (the parser's own limit). */
function isTooMuch(document: Document): boolean {
  try {
    document.toJS();
    return false;
  } catch (error) {
    if (error instanceof ReferenceError) return true;
    throw error;
  }
}

function decoded(path: string, fileName: string): string {
  const bytes = bytesOf(path, fileName);
  if (!isUtf8(bytes)) throw invalid(fileName, "not in UTF-8");
  return bytes.toString("utf8").replace(/^\uFEFF/, "");
}

function bytesOf(path: string, fileName: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StackFileError(
      `${fileName} cannot be read (${code === "EISDIR" ? "it is a folder" : (code ?? "unknown")}). Nothing was changed. ` +
        `Look at it: ls -ld ${fileName}`,
    );
  }
}

function invalid(fileName: string, what: string): StackFileError {
  return new StackFileError(
    `${fileName} is not valid YAML: ${what}. Nothing was changed. Correct the file, or look at its last change: git diff ${fileName}`,
  );
}

function lineOf(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}

/** An alias without its anchor, or inside the value that it stands for. */
function brokenAlias(document: Document): Alias | undefined {
  let broken: Alias | undefined;
  visit(document, {
    Alias(_, alias, ancestors) {
      const meant = alias.resolve(document);
      if (meant !== undefined && !isAlias(meant) && !ancestors.includes(meant)) return undefined;
      broken = alias;
      return visit.BREAK;
    },
  });
  return broken;
}
