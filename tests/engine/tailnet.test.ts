/** Ways to the tailnet, and what happens to a host that has to join it again. */
import { rmSync } from "node:fs";
import { join } from "node:path";

import { settingsOf } from "../../infra/settings/stack-file";
import { ACL, DNS_SPLIT, TAILNET_KEY } from "../../sandbox/cloud/kinds/tailscale";
import { up, upAgain } from "../../sandbox/converge";
import { type LanguageHost, serveLanguageHost } from "../../sandbox/engine/language-host";
import { checkPhone } from "../../sandbox/phone";
import { deliver } from "../../sandbox/send";
import { standIns } from "../../sandbox/stand-ins";
import { fromDocs } from "../docs";
import { describeEngine } from "./describe";
import { impatient } from "./impatient";
import { ENGINE_TIMEOUT_MS, type Lab, newLab, upElsewhere } from "./lab";

const IMPORT = fromDocs(
  "docs/phone.md",
  "pulumi import tailscale:index/acl:Acl tailnet-policy acl --generate-code=false --protect=false",
);

const ROOT = "root@augustin.ai";
const MESSAGE = Buffer.from("From: a@sender.example\r\nMessage-ID: <tailnet@sender.example>\r\n\r\nHello\r\n");
const SERVER = "stalwart.augustin.ai";
const RECORD = "imap.augustin.ai";
const RAISE = "raise mail:tailnetKeyNumber by one, then: pulumi up";

/** A lab of the stack `prod` with other settings. */
async function labWith(values: Readonly<Record<string, string>>): Promise<Lab> {
  return newLab(impatient, standIns("prod", values));
}

const set = (lab: Lab, key: string, value: string) => lab.stack.setConfig(`mail:${key}`, { value });

/** Everything that a `pulumi up` shows which ends well. */
async function shownBy(lab: Lab): Promise<string> {
  let shown = "";
  await lab.stack.up({ onOutput: (text) => (shown += text) });
  return shown;
}

const failureOf = (lab: Lab, verb: "up" | "preview" = "up") => upElsewhere(lab, "impatient", verb);

async function converged(lab: Lab): Promise<void> {
  const { dnssecDs } = await up(lab.stack);
  lab.outside.publishDs(dnssecDs);
  expect(await upAgain(lab.stack)).toBe(0);
}

/** What somebody's phone finds, asking the lab's settings as they are now. */
async function phone(lab: Lab, tailnet: string): Promise<string> {
  const invented = { ...lab.invented, values: { ...lab.invented.values, tailnet } };
  const { name, address } = await checkPhone(lab.outside, settingsOf("prod", invented));
  return `${name} ${address}`;
}

/** Addresses that lead to the host: records of the public zone, and who resolves the server's name on the tailnet. */
function leading({ outside: { world } }: Lab) {
  const records = world.zones[0]?.records ?? [];
  return {
    records: records.filter(({ type }) => type === "A").map(({ name, content, proxied }) => [name, content, proxied]),
    resolvers: world.all(DNS_SPLIT).map(({ id }) => [id, world.tailnet.splitDns.get(id)]),
  };
}

const targets = ({ outside: { world } }: Lab) =>
  (world.zones[0]?.records ?? [])
    .filter(({ type, name }) => type === "SRV" && /^_(imaps|submissions?|jmap)\./.test(name))
    .map(({ name, content }) => `${name.split(".")[0] ?? ""} ${content.replace(/^1 /, "")}`)
    .sort();

const runs = ({ outside: { host } }: Lab) =>
  ["tailscale", "zone", "coredns"].filter((service) => host.engine.running(service) !== undefined);

describeEngine("the way to the tailnet", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await labWith({ tailnet: "dns-record" });
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => lab.close());

  test(
    "is a public record with the machine's address, and a second up changes nothing",
    async () => {
      await converged(lab);
      expect(leading(lab)).toEqual({ records: [[RECORD, "100.64.0.1", false]], resolvers: [] });
      expect(targets(lab)).toEqual([
        `_imaps 993 ${RECORD}`,
        `_jmap 443 ${SERVER}`,
        `_submission 587 ${RECORD}`,
        `_submissions 465 ${RECORD}`,
      ]);
      expect(runs(lab)).toEqual(["tailscale"]);
      expect(await phone(lab, "dns-record")).toBe(`${RECORD} 100.64.0.1`);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "changes to the server's own name, resolved by the host; the machine stays the same",
    async () => {
      await set(lab, "tailnet", "split-dns");
      await converged(lab);
      expect(leading(lab)).toEqual({ records: [], resolvers: [[SERVER, ["100.64.0.1"]]] });
      expect(targets(lab)).toContain(`_imaps 993 ${SERVER}`);
      expect(runs(lab)).toEqual(["tailscale", "zone", "coredns"]);
      expect(lab.outside.world.tailnet.machines).toHaveLength(1);
      expect(await phone(lab, "split-dns")).toBe(`${SERVER} 100.64.0.1`);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "is taken away without a trace in the names; the machine stays until a person removes it",
    async () => {
      await set(lab, "tailnet", "off");
      await converged(lab);
      expect(leading(lab)).toEqual({ records: [], resolvers: [] });
      expect(lab.outside.world.all(TAILNET_KEY)).toEqual([]);
      expect(runs(lab)).toEqual([]);
      expect(lab.outside.world.tailnet.machines).toHaveLength(1);
    },
    ENGINE_TIMEOUT_MS,
  );
});

describeEngine("joining the tailnet again", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await labWith({});
    await converged(lab);
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => lab.close());

  test(
    "with another key number: another machine, the names follow in the same run, and the old machine is told of",
    async () => {
      await set(lab, "tailnetKeyNumber", "2");
      const shown = await shownBy(lab);
      expect(shown).toContain("an older machine of this host, mail.tail1234.ts.net. It is not used; remove it");
      expect(leading(lab).resolvers).toEqual([[SERVER, ["100.64.0.2"]]]);
      expect(await phone(lab, "split-dns")).toBe(`${SERVER} 100.64.0.2`);
      // As long as it is there it is told of, and nothing changes by that.
      expect(await upAgain(lab.stack)).toBe(0);
      const [old] = lab.outside.world.tailnet.machines;
      lab.outside.world.tailnet.remove(old?.nodeId ?? "");
      expect(await shownBy(lab)).not.toContain("older machine");
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "after the host lost its state: the used key is refused, mail goes on, and the number is named that mends it",
    async () => {
      const { host, world } = lab.outside;
      await host.pause();
      rmSync(join(host.folder, "apps", "tailscale", "state", "2"), { recursive: true });
      await host.resume();
      // As on a host that was made anew, everything is shipped to it.
      await set(lab, "hostSubnet", "172.30.26.0/24");
      const failure = await failureOf(lab);
      expect(failure).toContain("The host has not joined the tailnet: tailscaled is in state NeedsLogin");
      expect(failure).toContain("mail by the tunnel does not need it");
      expect(failure).toContain(RAISE);
      expect(leading(lab).resolvers).toEqual([[SERVER, ["100.64.0.2"]]]);
      const { stored, sent } = await deliver(lab.outside, ROOT, ROOT, MESSAGE);
      expect(stored).toEqual(sent);

      await set(lab, "tailnetKeyNumber", "3");
      await converged(lab);
      expect(leading(lab).resolvers).toEqual([[SERVER, ["100.64.0.3"]]]);
      expect(await phone(lab, "split-dns")).toBe(`${SERVER} 100.64.0.3`);
      expect(world.tailnet.machines.map(({ name }) => name)).toHaveLength(2);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "after somebody removed the machine in the console: an error says that phones are cut off, and what to do",
    async () => {
      const { tailnet } = lab.outside.world;
      tailnet.remove(tailnet.machines.at(-1)?.nodeId ?? "");
      const failure = await failureOf(lab);
      expect(failure).toContain("it was removed there. Phones do not reach the host");
      expect(failure).not.toMatch(/\bat .*\.(ts|js):\d+/);
      expect(failure).toContain("Raise mail:tailnetKeyNumber by one, so that it joins anew, then: pulumi up");
      await set(lab, "tailnetKeyNumber", "4");
      await converged(lab);
      expect(leading(lab).resolvers).toEqual([[SERVER, ["100.64.0.4"]]]);
      expect(await phone(lab, "split-dns")).toBe(`${SERVER} 100.64.0.4`);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "with a key that expired before the host used it",
    async () => {
      const { host, world } = lab.outside;
      await host.ssh.pause();
      await set(lab, "tailnetKeyNumber", "5");
      expect(await failureOf(lab)).toContain("connection refused");
      world.tailnet.expireKeys();
      await host.ssh.resume();
      expect(await failureOf(lab)).toContain(RAISE);
      await set(lab, "tailnetKeyNumber", "6");
      await converged(lab);
      expect(leading(lab).resolvers).toEqual([[SERVER, ["100.64.0.5"]]]);
      expect(await phone(lab, "split-dns")).toBe(`${SERVER} 100.64.0.5`);
    },
    ENGINE_TIMEOUT_MS,
  );
});

const FOREIGN = {
  groups: { "group:web": ["me@example.org"] },
  tagOwners: { "tag:web": ["group:web"] },
  grants: [{ src: ["group:web"], dst: ["tag:web"], ip: ["tcp:443"] }],
};

describeEngine("the tailnet's policy file, managed", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await labWith({ tailnetPolicy: "manage" });
    lab.outside.world.tailnet.setPolicy(JSON.stringify(FOREIGN));
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => lab.close());
  let languages: LanguageHost;
  beforeAll(async () => {
    // For `pulumi import`, which asks for the project's language although no code is written.
    languages = await serveLanguageHost({});
    lab.stack.workspace.envVars["PULUMI_DEBUG_LANGUAGES"] = languages.debugLanguages;
  });
  afterAll(() => languages.close());
  const policy = () => JSON.parse(lab.outside.world.tailnet.policy.json) as typeof FOREIGN;

  test(
    "is not touched before it is imported, which a preview says already, with the command",
    async () => {
      const refusal = await failureOf(lab, "preview");
      expect(refusal).toContain("this stack has not imported the tailnet's policy file. It was left as it is");
      expect(refusal).toContain(`${IMPORT}, then: pulumi up`);
      expect(refusal).not.toMatch(/\bat .*\.(ts|js):\d+/);
      // Whoever skips the preview.
      expect(await failureOf(lab)).toContain("has not imported the tailnet's policy file");
      expect(policy()).toEqual(FOREIGN);
      expect(lab.outside.world.all(ACL)).toEqual([]);
      // A key with the tag that nobody owns yet would be refused.
      expect(lab.outside.world.all(TAILNET_KEY)).toEqual([]);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "has what is needed after the import, beside everything that was there, and a second up changes nothing",
    async () => {
      await lab.stack.import({
        resources: [{ type: ACL, name: "tailnet-policy", id: "acl" }],
        generateCode: false,
      });
      expect(policy()).toEqual(FOREIGN);
      await converged(lab);
      const { grants, tagOwners, groups } = policy();
      expect(groups).toEqual(FOREIGN.groups);
      expect(tagOwners).toEqual({ ...FOREIGN.tagOwners, "tag:mail": ["autogroup:admin"] });
      expect(grants).toEqual([...FOREIGN.grants, expect.objectContaining({ dst: ["tag:mail"] })]);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "keeps what people write into it, and gets back what they take out",
    async () => {
      const mine = { ...FOREIGN, groups: { ...FOREIGN.groups, "group:more": [] } };
      lab.outside.world.tailnet.setPolicy(JSON.stringify(mine));
      await up(lab.stack);
      expect(policy().groups).toEqual(mine.groups);
      expect(policy().tagOwners).toHaveProperty(["tag:mail"]);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "stays when it is no longer managed, and when the deployment is taken down",
    async () => {
      const before = lab.outside.world.tailnet.policy;
      await set(lab, "tailnetPolicy", "output");
      await up(lab.stack);
      expect(lab.outside.world.tailnet.policy).toEqual(before);
      await set(lab, "inbound", "off");
      await set(lab, "protect", "false");
      await up(lab.stack);
      await lab.stack.destroy();
      expect(lab.outside.world.tailnet.policy).toEqual(before);
      expect(leading(lab)).toEqual({ records: [], resolvers: [] });
    },
    ENGINE_TIMEOUT_MS,
  );
});
