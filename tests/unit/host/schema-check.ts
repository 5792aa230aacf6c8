import { isFields, type Fields, type PlanLine } from "../../../onhost/src/plan-line";
import { fieldsOf, type FieldType, type SchemaExcerpt } from "../../../sandbox/host/registry/schema";

/** Where a plan names something that Stalwart's schema does not have, or a value of another type: `Http: field "x"`. */
export function schemaFaults(plan: readonly PlanLine[], schema: SchemaExcerpt): readonly string[] {
  return plan.flatMap((line) => {
    const entry = schema.objects[line.object];
    if (entry === undefined || entry.isSingleton !== (line["@type"] === "update")) return [`${line.object}: object`];
    const values = line["@type"] === "update" ? [line.value] : Object.values(line.value);
    return values.flatMap((value) => inObject(line.object, line.object, "", value));
  });

  function inObject(object: string, name: string, place: string, value: Fields): readonly string[] {
    const fields = fieldsOf(schema, name, value["@type"]);
    if (fields === undefined) return [`${object}: variant ${JSON.stringify(value["@type"])}`];
    return Object.entries(value).flatMap(([key, item]) => {
      if (key === "@type") return [];
      const field = fields[key];
      const at = place === "" ? key : `${place}.${key}`;
      if (field === undefined || field.update === "serverSet") return [`${object}: field "${at}"`];
      return inValue(object, field.type, at, item);
    });
  }

  function inValue(object: string, type: FieldType, at: string, value: unknown): readonly string[] {
    const fault = [`${object}: field "${at}"`];
    if (value === null) return type.nullable === true ? [] : fault;
    switch (type.type) {
      case "object":
        return isFields(value) ? inObject(object, type.objectName ?? "", at, value) : fault;
      case "objectList":
        if (!isFields(value) || !Object.keys(value).every((key) => /^\d+$/.test(key))) return fault;
        return Object.entries(value).flatMap(([key, item]) =>
          isFields(item) ? inObject(object, type.objectName ?? "", `${at}.${key}`, item) : fault,
        );
      case "set":
        if (!isFields(value) || !Object.values(value).every((item) => item === true)) return fault;
        return Object.keys(value).flatMap((key) => inValue(object, type.class ?? type, `${at}.${key}`, key));
      case "map":
        if (!isFields(value)) return fault;
        return Object.entries(value).flatMap(([key, item]) => [
          ...inValue(object, type.keyClass ?? type, `${at}.${key}`, key),
          ...inValue(object, type.valueClass ?? type, `${at}.${key}`, item),
        ]);
      case "enum": {
        const members = schema.enums[type.enumName ?? ""];
        return typeof value === "string" && members?.includes(value) === true ? [] : fault;
      }
      case "number":
      case "boolean":
        return typeof value === type.type ? [] : fault;
      default:
        return typeof value === "string" ? [] : fault;
    }
  }
}
