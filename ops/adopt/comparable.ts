import { unquoteTxt } from "../../infra/dns/txt";
import type { LiveRecord } from "./live";
import { canonical, isProps, type Props, textOf } from "./props";

const ADDRESS_TYPES: readonly string[] = ["A", "AAAA", "CNAME"];

/** A record as both sides can be compared. */
export interface Comparable {
  readonly name: string;
  readonly type: string;
  /** Identifies the value among others of the same name and type. */
  readonly value: string;
  readonly purpose: string;
  /** A CNAME that resolvers never see: Cloudflare answers with addresses in its place. */
  readonly isFlattened: boolean;
}

export function ofInputs(inputs: Props): Comparable {
  const { data, priority } = inputs;
  const name = textOf(inputs["name"]);
  const type = textOf(inputs["type"]);
  const content = textOf(inputs["content"]);
  const value = isProps(data) ? dataValue(type, data) : valueOf(type, content, priority);
  const isFlattened = type === "CNAME" && inputs["proxied"] === true;
  return { name, type, value, purpose: purposeOf(name, type, value), isFlattened };
}

/** @param zoneName of the record's zone: at its apex Cloudflare flattens every CNAME (DNS, CNAME flattening) */
export function ofRecord(record: LiveRecord, zoneName?: string): Comparable {
  const { name, type, content, data, priority, proxied, flattened } = record;
  const whole = type === "SRV" && data ? { ...data, priority: data["priority"] ?? priority } : data;
  const value = (type === "SRV" || type === "CAA") && whole ? dataValue(type, whole) : valueOf(type, content, priority);
  const isFlattened = type === "CNAME" && (proxied || flattened === true || name === zoneName);
  return { name, type, value, purpose: purposeOf(name, type, value), isFlattened };
}

export function isSpf({ type, content }: LiveRecord): boolean {
  return type === "TXT" && /^v=spf1( |$)/i.test(textual(content));
}

export function isAddress({ type }: Pick<Comparable, "type">): boolean {
  return ADDRESS_TYPES.includes(type);
}

/** Old records may come without quotes. */
export function textual(content: string): string {
  try {
    return unquoteTxt(content);
  } catch {
    return content;
  }
}

function valueOf(type: string, content: string, priority: unknown): string {
  if (type === "TXT") return textual(content);
  const target = content.toLowerCase().replace(/(.)\.$/, "$1");
  return type === "MX" ? `${Number(priority ?? 0)} ${target}` : target;
}

function dataValue(type: string, data: Props): string {
  if (type === "CAA") return canonical([Number(data["flags"]), data["tag"], data["value"]]);
  return canonical([data["priority"], data["weight"], data["port"], data["target"]].map(String));
}

/** The record's purpose when two of a kind exclude each other; empty when there may be several. */
function purposeOf(name: string, type: string, value: string): string {
  if (type === "CAA") return value.replace(/^\[\d+,/, "");
  if (type !== "TXT") return type;
  if (name.includes("._domainkey.")) return /(^|;)\s*p=/.test(value) ? "DKIM1" : "";
  return /^v=([\w.-]+)/i.exec(value)?.[1]?.toUpperCase() ?? "";
}
