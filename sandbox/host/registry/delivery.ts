import type { Account } from "../accounts";
import { isObject, type Json } from "../json";
import type { LmtpServices } from "../lmtp-server";
import type { MailStore } from "../mail-store";
import { directoryOf } from "./directory";
import type { Registry } from "./registry";

/** What an LMTP listener of that name does, as the registry's objects say it. */
export function lmtpServices(registry: Registry, store: MailStore, listener: string): LmtpServices {
  return {
    store,
    recipient: (address) => recipient(registry, address),
    trouble: (step) =>
      step === "MAIL" && mustLogIn(registry, listener)
        ? { say: "503 5.5.1 You must authenticate first.\r\n" }
        : undefined,
  };
}

/** The address, without its tag, the domain's catch-all, in that order. Unlike JMAP's lookup it ignores case. */
function recipient(registry: Registry, address: string): Account | "unknown" | "elsewhere" {
  const at = address.lastIndexOf("@");
  const [local, name] = [address.slice(0, at).toLowerCase(), address.slice(at + 1).toLowerCase()];
  const domain = [...registry.stored("Domain").values()].find((candidate) => candidate["name"] === name);
  if (domain === undefined || domain["isEnabled"] === false) return "elsewhere";
  const directory = directoryOf(registry, undefined);
  const catchAll = domain["catchAllAddress"];
  const candidates = [local, local.split("+", 1).join("")].map((part) => `${part}@${name}`);
  const all = typeof catchAll === "string" ? [...candidates, catchAll] : candidates;
  return all.map((one) => directory.byAddress(one)).find((account) => account !== undefined) ?? "unknown";
}

/** Conditions of the form `listener == 'name'` are all that this model reads of the expression. */
function mustLogIn(registry: Registry, listener: string): boolean {
  const { require: expression } = registry.inEffect("MtaStageAuth");
  const { match, else: otherwise }: Json = isObject(expression) ? expression : {};
  const conditions = isObject(match) ? Object.values(match).filter(isObject) : [];
  const own = conditions.find((condition) => condition["if"] === `listener == '${listener}'`);
  return (own?.["then"] ?? otherwise) !== "false";
}
