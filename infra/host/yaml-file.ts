import { Document } from "yaml";

/** YAML with a first line that says whose file it is; keys keep the order of `content`. Read alike by YAML 1.1. */
export function yamlFile(content: object): string {
  const document = new Document(content, { aliasDuplicateObjects: false, compat: "yaml-1.1" });
  document.commentBefore = " Written by mail-stack; the next `pulumi up` that changes it overwrites changes made here.";
  // Block text does not keep every value: the library loses a blank before a line break.
  return document.toString({ lineWidth: 0, blockQuote: false });
}
