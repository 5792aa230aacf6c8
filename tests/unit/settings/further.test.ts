import { readFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";
import { parse } from "yaml";

import { filesOf } from "../../../onhost/src/deployment";
import { furtherRecords, mailRecords } from "../../../infra/dns/records";
import { domainFiles } from "../../../infra/host/stalwart/domain-files";
import { domainPlan, stalwartPlan } from "../../../infra/host/stalwart/plan";
import { leaveCommand } from "../../../infra/host/ship/script";
import { furtherSettings, hostStackOf, parseFurther } from "../../../infra/settings/further";
import { hostOffer, parseHostOffer } from "../../../infra/settings/host-offer";
import { KEYS } from "../../../infra/settings/keys";
import type { RawValue } from "../../../infra/settings/parse";
import { renderProblems } from "../../../infra/settings/problem";
import type { FurtherSettings } from "../../../infra/settings/settings";
import { bucketName, workerNameOf } from "../../../infra/settings/spool";
import { problemsOf, SECRETS, settingsWith } from "./fixtures";

const WORKER = { clientId: "id.access", clientSecret: "access-secret", key: "worker-key", arrivalsKey: "arrivals-key" };
const host = settingsWith();

/** The least that a further domain's stack file says, with changes. */
function raw(changes: Readonly<Record<string, string | RawValue | undefined>> = {}): Map<string, RawValue> {
  const values: Record<string, string | RawValue | undefined> = {
    domain: "second.example",
    hostStack: "prod",
    primaryAddress: "root@second.example",
    dkimRsaSelector: "202611r",
    dkimEd25519Selector: "202611e",
    ...Object.fromEntries(
      (["dkimRsaPrivateKey", "dkimEd25519PrivateKey", "accountPassword"] as const).map((key) => [
        key,
        { text: SECRETS[key], secret: true },
      ]),
    ),
    ...changes,
  };
  return new Map(
    Object.entries(values).flatMap(([key, value]): [string, RawValue][] =>
      value === undefined ? [] : [[key, typeof value === "string" ? { text: value, secret: false } : value]],
    ),
  );
}

function further(changes: Parameters<typeof raw>[0] = {}): FurtherSettings {
  const result = parseFurther(raw(changes));
  if (result.kind !== "settings") throw new Error(JSON.stringify(result, undefined, 2));
  return furtherSettings(result.settings, hostOffer(host, WORKER));
}

describe("the stack file of a further domain", () => {
  test("needs its domain, address, host stack, keys and the account's password; the rest is the host's or a default", () => {
    expect(further()).toMatchObject({
      domain: "second.example",
      hostDomain: host.domain,
      accountId: host.accountId,
      aliases: ["postmaster@second.example", "abuse@second.example"],
      catchAll: "root@second.example",
      inboundDelivery: host.inboundDelivery,
      hostnames: { server: host.hostnames.server, inbound: host.hostnames.inbound, mtaSts: "mta-sts.second.example" },
      workerName: "mail-inbound-second-example",
      spool: { bucket: "mail-spool-second-example" },
      dmarc: { aggregateAddress: "postmaster@second.example" },
    });
    for (const key of ["domain", "primaryAddress", "dkimRsaSelector", "dkimRsaPrivateKey", "accountPassword"] as const)
      expect(problemsOf(parseFurther(raw({ [key]: undefined }))).map((problem) => problem.key)).toContain(
        `mail:${key}`,
      );
  });

  test.each(Object.entries(KEYS).flatMap(([name, key]) => ("ofHost" in key ? [name] : [])))(
    "refuses mail:%s, which would have no effect",
    (name) => {
      const problems = problemsOf(parseFurther(raw({ [name]: "value" })));
      expect(problems.map(({ key }) => key)).toEqual([`mail:${name}`]);
      expect(renderProblems(problems, "second")).toContain(`pulumi config rm mail:${name} --stack second`);
    },
  );

  test("is told by its host stack alone, and by a name of one", () => {
    expect(hostStackOf(raw())).toBe("prod");
    expect(hostStackOf(raw({ hostStack: undefined }))).toBe("");
    expect(problemsOf(parseFurther(raw({ hostStack: "../prod" }))).map(({ key }) => key)).toEqual(["mail:hostStack"]);
  });

  test.each(["domain.yaml", "first-domain.yaml"])("stacks/%s has keys that exist, and no secret", (name) => {
    const { config } = parse(readFileSync(join(__dirname, "../../../stacks", name), "utf8")) as { config: object };
    for (const key of Object.keys(config)) {
      expect(Object.keys(KEYS)).toContain(key.replace("mail:", ""));
      expect(KEYS[key.replace("mail:", "") as keyof typeof KEYS]).not.toHaveProperty("secret", true);
    }
  });
});

describe("what a host's stack offers", () => {
  test("survives the state, and anything else is no offer", () => {
    const offer: unknown = JSON.parse(JSON.stringify(hostOffer(host, WORKER)));
    expect(parseHostOffer(offer)).toEqual(offer);
    for (const other of [undefined, null, "offer", {}, { ...(offer as object), worker: { ...WORKER, key: "" } }])
      expect(parseHostOffer(other)).toBeUndefined();
  });
});

describe("a further domain beside others", () => {
  test("has names in Cloudflare that no other has, within the limits", () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/);
    const domain = fc.array(label, { minLength: 2, maxLength: 7 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(domain, domain, (one, other) => {
        fc.pre(one !== other);
        expect(workerNameOf(one)).not.toBe(workerNameOf(other));
        expect(bucketName(one)).not.toBe(bucketName(other));
        expect(`${workerNameOf(one)}-public`).toMatch(/^[a-z0-9][a-z0-9-]{0,62}$/);
      }),
    );
    const long = (last: string) => `${"very-long-label.".repeat(5)}${last}.example`;
    expect(workerNameOf(long("a"))).not.toBe(workerNameOf(long("b")));
  });

  test("has files on the host that neither the host nor another domain has, and a destroy takes them all", () => {
    const own = domainFiles(further()).map(({ path }) => path);
    const others = domainFiles(further({ domain: "third.example", primaryAddress: "root@third.example" }));
    for (const { path } of others) expect(own).not.toContain(path);
    const leave = leaveCommand("apps", Object.values(filesOf("second.example")));
    for (const path of own) expect(leave).toContain(path);
  });

  test("plans its domain, signatures and account, each matched with the domain, and nothing of the host's", () => {
    const lines = domainPlan(further());
    expect(lines.map((line) => `${line["@type"]} ${line.object}`)).toEqual([
      "upsert Domain",
      "upsert DkimSignature",
      "upsert Account",
    ]);
    for (const line of lines.slice(1)) expect(line).toHaveProperty("matchOn", expect.arrayContaining(["domainId"]));
    expect(JSON.stringify(lines)).not.toContain(host.domain);
  });

  test("is safe from the host's plan: what that one removes is nothing that a domain has", () => {
    const removing = stalwartPlan(host).flatMap((line) => (line["@type"] === "upsert" ? [] : [line.object]));
    for (const object of ["Domain", "DkimSignature", "Account"]) expect(removing).not.toContain(object);
  });

  test("has the records of a mail domain in its own zone, without the host's; SRV leads to the host", () => {
    const records = furtherRecords(further());
    const names = records.map(({ data, name }) => `${data.type} ${name}`);
    expect(names).not.toContain(`CNAME ${host.hostnames.server}`);
    expect(
      records
        .filter(({ data }) => data.type === "SRV")
        .map((record) => JSON.stringify(record))
        .join("\n"),
    ).toContain(host.hostnames.server);
    const ofHost = new Set(mailRecords(host).map(({ data, name }) => `${data.type} ${name}`));
    expect(names.filter((name) => ofHost.has(name))).toEqual([]);
  });
});
