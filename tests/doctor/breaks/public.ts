import type { Break } from "../break";
import type { LabRecord } from "../dns/zone";
import type { Lab } from "../lab";

export const DOMAIN = "augustin.ai";
/** The program's values over what is there. */
export const UP = /^pulumi up --refresh --stack prod$/;
export const REGISTRAR = /at (the|its) registrar/;
export const STATUS_PAGE = /status page/;
export const PUBLIC_WORKER = /public Worker again: pulumi up/;
export const DAY_SECONDS = 86_400;

/** Changes the values of a set; undefined removes it. */
export function set(name: string, type: LabRecord["type"], change: (value: string) => string | undefined, at?: string) {
  return ({ zone }: Lab) => {
    zone.view = (records, server) =>
      records.flatMap((record) => {
        if (record.name !== name || record.type !== type || (at !== undefined && server !== at)) return [record];
        const value = change(record.value);
        return value === undefined ? [] : [{ ...record, value }];
      });
  };
}

export function add(name: string, type: LabRecord["type"], value: string) {
  return ({ zone }: Lab) => {
    zone.view = (records) => [...records, { name, type, value }];
  };
}

export const gone = () => undefined;
export const at = (label: string) => `${label}.${DOMAIN}`;

/** Something that the next `pulumi up` mends. */
export function drift(id: string, what: string, apply: Break["apply"], current: RegExp): Break {
  return { id, what, status: "error", current, remedy: UP, apply };
}

/** What a URL answers in place of the world. */
export function answer(url: string, status: number, body = "", headers: Record<string, string> = {}) {
  return ({ web }: Lab) =>
    void web.instead.set(
      url,
      () => new Response(body === "" ? null : body, { status, headers: { "cf-ray": "lab", ...headers } }),
    );
}
