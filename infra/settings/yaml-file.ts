import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { type Alias, type Document, isAlias, parseDocument, visit } from "yaml";
import { oneLine } from "./visible";

/** A file that cannot be used, in words for the operator. */
export class StackFileError extends Error {
  override readonly name = "StackFileError";
}

/** YAML 1.2 allows none of these; the engine refuses the whole file for a single one. */
// eslint-disable-next-line no-control-regex -- these are looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ufffe\uffff]/;

/**
 * A YAML file as the engine would read it. Numbers keep all their digits.
 *
 * @throws StackFileError for a file that the engine refuses, or would read only in part
 */
export function readYaml(path: string, fileName: string): Document {
  const text = decoded(path, fileName);
  const control = CONTROL.exec(text);
  if (control !== null) throw invalid(fileName, `a control character in line ${lineOf(text, control.index)}`);
  const document = parseDocument(text, { intAsBigInt: true });
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
  return document;
}

function decoded(path: string, fileName: string): string {
  const bytes = readFileSync(path);
  if (!isUtf8(bytes)) throw invalid(fileName, "not in UTF-8");
  return bytes.toString("utf8").replace(/^\uFEFF/, "");
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
