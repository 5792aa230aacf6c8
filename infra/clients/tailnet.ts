/**
 * Makes: the key with which the host joins the tailnet; on demand the part of the tailnet's policy file that it needs; and,
 * once the host has joined, what leads clients to it: a split DNS entry for the server's name, or a record of its own.
 * Must be true first: the policy file has the tag (output tailnetPolicy), or is managed here and was imported.
 * By hand: removing a machine that the host no longer is. docs/phone.md has the rest.
 * Scopes of the OAuth client: Auth Keys Write with the tag, Devices Core Read, DNS Write for split DNS, Policy File Write to
 * manage it.
 */
import * as cloudflare from "@pulumi/cloudflare";
import * as pulumi from "@pulumi/pulumi";
import * as tailscale from "@pulumi/tailscale";

import { isOfTailnet, tailnetRecordArgs } from "../dns/dns";
import type { MailRecord } from "../dns/record";
import type { TailnetSettings } from "../settings/settings";
import { type FoundDevice, hostDevice } from "./device";
import { type PolicyFragment, policyFragment, withFragment } from "./tailnet-policy";

/** Seconds: a key that nobody used in this time is worth nothing. It is Tailscale's longest, 90 days. */
const KEY_EXPIRY = 7_776_000;

export interface LeadArgs {
  /** The host's machine, by its id. Known once it has joined. */
  readonly node: pulumi.Output<string>;
  /** All records; the one that leads to the tailnet is made here. */
  readonly records: readonly MailRecord[];
  /** The zone of the mail domain. */
  readonly zoneId: string;
  /** The server's name. */
  readonly server: string;
}

export class Tailnet extends pulumi.ComponentResource {
  /** What the host joins with, once. Secret. */
  readonly key: pulumi.Output<string>;
  /** What the policy file needs, as JSON. */
  readonly policy: string;

  readonly #name: string;
  readonly #settings: TailnetSettings;

  constructor(name: string, settings: TailnetSettings, opts?: pulumi.ComponentResourceOptions) {
    super("mail:index:Tailnet", name, {}, opts);
    this.#name = name;
    this.#settings = settings;
    const fragment = policyFragment(settings);
    const policy = settings.policy === "manage" ? managedPolicy(`${name}-policy`, fragment) : undefined;
    const key = new tailscale.TailnetKey(
      `${name}-key`,
      {
        // Another number is another description, and another input is another key.
        description: `mail host key ${settings.keyNumber}`,
        reusable: false,
        ephemeral: false,
        preauthorized: true,
        expiry: KEY_EXPIRY,
        // A key that was used is invalid for ever, and the host does not need it any more.
        recreateIfInvalid: "never",
        tags: [settings.tag],
      },
      { parent: this, ...(policy && { dependsOn: [policy] }) },
    );
    this.key = pulumi.secret(key.key);
    this.policy = JSON.stringify(fragment);
    this.registerOutputs({ key: this.key });
  }

  /** Leads clients to the host. Its address in the tailnet is looked up each time: people can change it there. */
  lead({ node, records, zoneId, server }: LeadArgs): pulumi.Output<string> {
    const devices = node.apply(() => tailscale.getDevices({}, { parent: this }));
    const address = pulumi.all([node, devices]).apply(async ([nodeId, { devices: all = [] }]) => {
      // Without the engine a failed command leaves nothing, and its error is told.
      if (nodeId === "") return "";
      const found = machineOf(all, nodeId, this.#settings);
      for (const warning of found.warnings) await pulumi.log.warn(warning, this);
      return found.address;
    });
    if (this.#settings.mode === "split-dns") {
      new tailscale.DnsSplitNameservers(
        `${this.#name}-resolver`,
        { domain: server, nameservers: [address] },
        // Of another domain the old entry goes first.
        { parent: this, deleteBeforeReplace: true },
      );
    }
    for (const record of records.filter(isOfTailnet)) {
      new cloudflare.DnsRecord(`${this.#name}-${record.key}`, tailnetRecordArgs(record, zoneId, address), {
        parent: this,
        deleteBeforeReplace: true,
      });
    }
    return address;
  }
}

/** A fact about the tailnet is no mistake of the program's: no stack trace. */
function machineOf(...args: Parameters<typeof hostDevice>): FoundDevice {
  try {
    return hostDevice(...args);
  } catch (error) {
    throw error instanceof Error ? new pulumi.RunError(error.message) : error;
  }
}

/**
 * The tailnet's policy file with the fragment in it. Nothing here deletes it or gives it back: it is the whole tailnet's. At the
 * top of the stack, because `pulumi import` knows no component.
 */
function managedPolicy(name: string, fragment: PolicyFragment): pulumi.Resource {
  const imported = new pulumi.ResourceHook(
    `${name}-imported`,
    () => {
      throw new Error(importFirst(name));
    },
    { onDryRun: true },
  );
  return new tailscale.Acl(
    name,
    { acl: tailscale.getAclOutput().apply((current) => withFragment(current, fragment)) },
    { retainOnDelete: true, hooks: { beforeCreate: [imported] } },
  );
}

/** The provider's own error names Terraform's command, and comes when half of the run is done. */
function importFirst(name: string): string {
  return (
    "mail:tailnetPolicy is manage, and this stack has not imported the tailnet's policy file. It was left as it is. " +
    `Run: pulumi import tailscale:index/acl:Acl ${name} acl --generate-code=false --protect=false, then: pulumi up`
  );
}
