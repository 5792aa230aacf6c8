import { escapeXml } from "./public-answer";

/** What a property list can hold, as far as it is needed here. */
export type PlistValue = string | number | boolean | readonly PlistValue[] | PlistDictionary;
export interface PlistDictionary {
  readonly [key: string]: PlistValue;
}

const HEAD = [
  '<?xml version="1.0" encoding="UTF-8"?>',
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
  '<plist version="1.0">',
];

/** Apple's property list as XML (man page plist(5)). Numbers are integers; keys keep their order. */
export function plist(value: PlistDictionary): string {
  return [...HEAD, ...render(value), "</plist>", ""].join("\n");
}

function render(value: PlistValue): readonly string[] {
  switch (typeof value) {
    case "string":
      return [`<string>${xmlText(value)}</string>`];
    case "number":
      return [`<integer>${value}</integer>`];
    case "boolean":
      return [value ? "<true/>" : "<false/>"];
    default:
      return isList(value)
        ? ["<array>", ...value.flatMap(render).map(indent), "</array>"]
        : [
            "<dict>",
            ...Object.entries(value)
              .flatMap(([key, item]) => [`<key>${xmlText(key)}</key>`, ...render(item)])
              .map(indent),
            "</dict>",
          ];
  }
}

/**
 * Text of an XML document, also of an attribute.
 *
 * @throws RangeError for a character that XML 1.0 (section 2.2) cannot hold in any form, or that a reader may change
 */
export function xmlText(value: string): string {
  if (/[^\t\n\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(value))
    throw new RangeError("XML cannot hold a control character.");
  return escapeXml(value);
}

/** `Array.isArray` does not tell a readonly array from the rest. */
function isList(value: readonly PlistValue[] | PlistDictionary): value is readonly PlistValue[] {
  return Array.isArray(value);
}

function indent(line: string): string {
  return `  ${line}`;
}
