import { XMLParser, XMLValidator } from "fast-xml-parser";

/** Elements of a request that the Worker reads are three deep. */
const MAX_DEPTH = 16;
/** All namespaces of Autodiscover requests begin with this ([MS-OXDSCLI], [MS-ASCMD]). */
const REQUEST_NAMESPACES = "http://schemas.microsoft.com/exchange/autodiscover/";

/** A request in XML, by the local names of its elements. */
export interface XmlRequest {
  /**
   * The text of the element of that name, without white space around it. Undefined when there is none or more than one, or
   * when it contains other elements or a reference to an entity that XML does not define.
   */
  readonly text: (name: string) => string | undefined;
}

/**
 * Reads XML 1.0 as a parser does: comments and processing instructions are not text, CDATA and character references are.
 * Document type declarations are refused, so nothing is ever expanded.
 *
 * @param charset of the Content-Type; without one a byte order mark or the XML declaration counts (XML 1.0 appendix F)
 * @returns undefined when it is not well-formed
 */
export function readXmlRequest(bytes: Uint8Array, charset: string | undefined): XmlRequest | undefined {
  try {
    const xml = decode(bytes, charset);
    // On its own, the parser accepts the beginning of a document as the document.
    if (/<!(?:DOCTYPE|ENTITY)/i.test(xml) || XMLValidator.validate(xml) !== true) return undefined;
    const elements = elementsIn(parser().parse(xml) as Nodes);
    return elements.isOne
      ? { text: (name) => textOf(elements.all.filter((element) => element.name === name)) }
      : undefined;
  } catch {
    // From the parser, or from a decoder that does not know the charset or finds invalid bytes.
    return undefined;
  }
}

const TEXT = "#text";
const CDATA = "#cdata";
const ATTRIBUTES = ":@";

/** As fast-xml-parser gives it with `preserveOrder`: an element is its name with its nodes; a text is under `#text`. */
type Nodes = readonly Readonly<Record<string, unknown>>[];

function parser(): XMLParser {
  return new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: "",
    parseTagValue: false,
    parseAttributeValue: false,
    processEntities: false,
    trimValues: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    cdataPropName: CDATA,
    maxNestedTags: MAX_DEPTH,
  });
}

function decode(bytes: Uint8Array, charset: string | undefined): string {
  // An XML declaration is ASCII in every charset that is not recognised by its byte order mark.
  const [, declared] = /^<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]+)["']/.exec(latin1(bytes.subarray(0, 200))) ?? [];
  return new TextDecoder(byteOrderMark(bytes) ?? charset ?? declared ?? "utf-8", {
    fatal: true,
    ignoreBOM: false,
  }).decode(bytes);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function byteOrderMark([first, second, third]: Uint8Array): string | undefined {
  if (first === 0xef && second === 0xbb && third === 0xbf) return "utf-8";
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : undefined;
}

interface Element {
  /** Without its prefix. */
  readonly name: string;
  readonly nodes: Nodes;
}

/** All elements except those of foreign namespaces (Namespaces in XML 1.0 §6); a document has one root. */
function elementsIn(roots: Nodes): { readonly all: readonly Element[]; readonly isOne: boolean } {
  const all: Element[] = [];
  const visit = (nodes: Nodes, scope: Readonly<Record<string, string>>): number => {
    let count = 0;
    for (const node of nodes) {
      const tag = Object.keys(node).find((key) => key !== ATTRIBUTES && key !== TEXT && key !== CDATA);
      if (tag === undefined) continue;
      count += 1;
      const inner = { ...scope, ...declarations(node[ATTRIBUTES]) };
      const [prefix, name] = tag.includes(":") ? tag.split(":", 2) : ["", tag];
      const namespace = inner[prefix ?? ""] ?? "";
      const children = node[tag] as Nodes;
      if (namespace === "" || namespace.startsWith(REQUEST_NAMESPACES)) all.push({ name: name ?? "", nodes: children });
      visit(children, inner);
    }
    return count;
  };
  return { isOne: visit(roots, {}) === 1, all };
}

/** Namespaces that an element declares, by prefix. */
function declarations(attributes: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries((attributes ?? {}) as Readonly<Record<string, string>>).flatMap(([name, value]) => {
      const [, prefix] = /^xmlns(?::(.+)|)$/.exec(name) ?? [];
      return name.startsWith("xmlns") ? [[prefix ?? "", value]] : [];
    }),
  );
}

function textOf([element, ...others]: readonly Element[]): string | undefined {
  if (element === undefined || others.length > 0) return undefined;
  const parts = element.nodes.map((node) => {
    if (typeof node[TEXT] === "string") return withoutReferences(node[TEXT]);
    // An element has no text of its own.
    if (!(CDATA in node)) return undefined;
    return (node[CDATA] as Nodes).map((inner) => String(inner[TEXT])).join("");
  });
  return parts.includes(undefined) ? undefined : parts.join("").replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
}

const ENTITIES: ReadonlyMap<unknown, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

/** XML 1.0 §4.1 and §4.6. Undefined when the text refers to another entity, or to no character. */
function withoutReferences(text: string): string | undefined {
  let unknown = 0;
  const replaced = text.replace(
    /&(?:#(\d{1,7})|#x([\dA-Fa-f]{1,6})|(\w+));|&/g,
    (...[, decimal, hex, name]: unknown[]) => {
      const number = typeof hex === "string" ? `0x${hex}` : decimal;
      const character = name === undefined ? characterOf(number) : ENTITIES.get(name);
      if (character === undefined) unknown += 1;
      return character ?? "";
    },
  );
  return unknown === 0 ? replaced : undefined;
}

/** XML 1.0 §2.2. */
function characterOf(number: unknown): string | undefined {
  const code = Number(number);
  if (Number.isNaN(code) || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
  return code >= 0x20 || code === 9 || code === 10 || code === 13 ? String.fromCodePoint(code) : undefined;
}
