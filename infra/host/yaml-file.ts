import { Document } from "yaml";

/** YAML with a first line that says whose file it is; keys keep the order of `content`. */
export function yamlFile(content: object): string {
  const document = new Document(content, { aliasDuplicateObjects: false });
  document.commentBefore = " Written by mail-stack; the next `pulumi up` that changes it overwrites changes made here.";
  return document.toString({ lineWidth: 0 });
}
