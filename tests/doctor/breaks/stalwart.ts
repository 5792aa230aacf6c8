import { rmSync, writeFileSync } from "node:fs";

import { Secret } from "../../../infra/settings/secret";
import { filesOf } from "../../../onhost/src/deployment";
import type { Break } from "../break";
import { AGAIN, apps, broken, content, HOUR_MS, registered } from "./machine";

export const STALWART: readonly Break[] = [
  broken(
    "stalwart.login",
    "another password",
    /^HTTP 401$/,
    (lab) => {
      const { stalwart } = lab.patient.deployment.settings;
      lab.instead = { stalwart: { ...stalwart, adminPassword: new Secret("another-password-7") } };
      return () => (lab.instead = {});
    },
    { remedy: /rotate -- admin-password --stack prod$/ },
  ),
  broken(
    "stalwart.applied",
    "an installation was cut",
    /^0123456789ab$/,
    content("stalwart/applied", () => "0123456789abcdef\n"),
    {
      remedy: AGAIN,
    },
  ),
  broken(
    "stalwart.plan",
    "somebody clicked",
    /x:|Listener|Route|AllowedIp|192\.0\.2\.9/,
    registered("AllowedIp", { address: "192.0.2.9" }),
    {
      remedy: AGAIN,
    },
  ),
  broken(
    "stalwart.further",
    "a domain is gone from Stalwart",
    /^second\.ai: Domain \(name "second\.ai"\): wanted one, found none$/,
    (lab) => {
      const plan = apps(lab, filesOf("second.ai").plan);
      const line = { "@type": "upsert", object: "Domain", matchOn: ["name"], value: { domain: { name: "second.ai" } } };
      writeFileSync(plan, `${JSON.stringify(line)}\n`);
      return () => rmSync(plan);
    },
    { remedy: /^pulumi up --stack STACK-OF-second\.ai --replace '\*\*host-plan'$/ },
  ),
  broken(
    "stalwart.queue",
    "a message of two hours",
    /^1 waits, the oldest for 120 min$/,
    registered("QueuedMessage", { returnPath: "me@augustin.ai" }),
    {
      status: "warning",
      remedy: /rotate -- resend-key --stack prod$/,
      laterMs: 2 * HOUR_MS,
    },
  ),
  broken(
    "stalwart.bans",
    "the proxy is banned",
    /^172\.30\.25\.138$/,
    registered("BlockedIp", { address: "172.30.25.138" }),
    {
      remedy: /Blocked IPs/,
    },
  ),
  broken(
    "stalwart.bans",
    "the host itself is banned",
    /^127\.0\.0\.1$/,
    registered("BlockedIp", { address: "127.0.0.1" }),
    {
      remedy: /Blocked IPs/,
    },
  ),
];
