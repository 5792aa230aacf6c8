import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";

import type { FurtherOutputs } from "../../infra/domain/further";
import { program } from "../../infra/program";
import { settingsOf } from "../../infra/settings/stack-file";
import { hostOffer } from "../../infra/settings/host-offer";
import { serveApi } from "../../sandbox/cloud/api";
import { World } from "../../sandbox/cloud/world";
import { newZone } from "../../sandbox/cloud/zone";
import { convergeWithoutEngine } from "../../sandbox/converge";
import { isProps } from "../../sandbox/cloud/props";
import { isSecretMark } from "../../sandbox/engine/secrets";
import { type Outside, startOutside } from "../../sandbox/outside";
import { furtherStandIns, standIns } from "../../sandbox/stand-ins";
import { type Declared, expectParents, linesOf, listed, named, plain, texts, valueOf, watchDeclared } from "./declared";

const HOST_STACK = "prod";
const DOMAIN = "second.example";
const GOLDEN = join(__dirname, "..", "golden", "resources-further.txt");

const invented = standIns(HOST_STACK);
const host = settingsOf(HOST_STACK, invented);
const own = furtherStandIns(DOMAIN, HOST_STACK, invented);
const offer = hostOffer(host, {
  clientId: "id.access",
  clientSecret: "secret-of-access",
  key: "key-of-the-worker",
  arrivalsKey: "key-of-arrivals",
});

/** The program of a further domain on the SDK's mocks; what it asks of the host is done there. */
describe("the program of a further domain", () => {
  let surroundings: Outside;
  let resources: readonly Declared[];
  let outputs: FurtherOutputs;
  let world: World;

  beforeAll(async () => {
    surroundings = await startOutside(host, invented);
    world = new World({
      accountId: host.accountId,
      apiToken: invented.apiToken,
      zones: [newZone("b".repeat(32), DOMAIN)],
    });
    world.commands = { run: (_step, inputs) => Promise.resolve({ ...inputs, stdout: "", stderr: "" }) };
    const api = await serveApi(world);
    let declared: () => Promise<readonly Declared[]> = () => Promise.resolve([]);
    const run = async () => {
      declared = watchDeclared();
      const made = await program();
      if ("hostOffer" in made) throw new Error("this is a host's stack");
      return (outputs = made);
    };
    try {
      const outside: Outside = { ...surroundings, world, apiUrl: api.baseUrl };
      const stacks = { [HOST_STACK]: { hostOffer: offer } };
      await convergeWithoutEngine("second", own, outside, run, { raw: new Map(), stacks });
    } finally {
      api.close();
    }
    resources = await declared();
  });
  afterAll(() => surroundings.close());

  it("makes exactly the resources of the golden list, each in a component that its name begins with", () => {
    const actual = `${listed(resources).join("\n")}\n`;
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(GOLDEN, actual);
    expect(actual).toBe(readFileSync(GOLDEN, "utf8"));
    expect(expectParents(resources)).toEqual(["dns", "host", "inbound", "public", "routing", "spool"]);
  });

  it("has its plan on the host before the Worker hands mail in, and switches mail on last", () => {
    const order = world.calls.map(({ name, type }) => `${name} ${type.split(":")[0] ?? ""}`);
    const wanted = [
      "host-plan command",
      "inbound cloudflare",
      "inbound-clock cloudflare",
      "routing-settings cloudflare",
    ];
    expect(order.filter((call) => wanted.includes(call))).toEqual(wanted);
    const on = order.indexOf("routing-settings cloudflare");
    expect(order.findIndex((call) => call.startsWith("dns-mx-send"))).toBeLessThan(on);
    // The order above may be luck.
    expect(waitsFor(named(resources, "inbound"))).toEqual(["Command"]);
    expect(waitsFor(named(resources, "routing-settings"))).toEqual(["InboundWorker", "Dns", "HostDomain"]);
  });

  it("hands the host's secrets to the Worker's bindings and the connection alone, all as secrets", () => {
    const all = resources.flatMap(({ name, inputs }) => texts(inputs).map((found) => ({ name, ...found })));
    const holders = (part: string) => all.filter(({ text }) => text.includes(part));
    for (const part of [offer.worker.clientSecret, offer.worker.key])
      expect(holders(part).map(({ name, secret }) => ({ name, secret }))).toEqual([{ name: "inbound", secret: true }]);
    for (const part of [
      ...linesOf(invented.secrets["hostSshPrivateKey"] ?? ""),
      ...Object.values(own.secrets).flatMap(linesOf),
    ])
      for (const { name, secret } of holders(part))
        expect({ name, secret }).toEqual({ name: "host-plan", secret: true });
    for (const secret of [invented.secrets["resendApiKey"], invented.secrets["adminPassword"], own.apiToken])
      expect(holders(secret ?? "")).toEqual([]);
    const { connection, stdin } = named(resources, "host-plan").inputs;
    expect(plain(connection)).toMatchObject({ host: host.host.address, port: host.host.port, hostKey: host.host.key });
    expect(isSecretMark(stdin)).toBe(true);
    // The provider marks the connection itself.
    const { additionalSecretOutputs } = named(resources, "host-plan").options;
    expect(additionalSecretOutputs).toEqual(expect.arrayContaining(["stdout", "stderr"]));
  });

  it("binds its own domain and bucket, and the way home of the host's stack", () => {
    const bindings = plain(named(resources, "inbound").inputs["bindings"]);
    const list = Array.isArray(bindings) ? bindings.filter(isProps) : [];
    const values = Object.fromEntries(list.map(({ name, text }) => [String(name), text]));
    expect(values).toMatchObject({
      JMAP_URL: `https://${host.hostnames.inbound}`,
      JMAP_TOKEN: offer.worker.key,
      MAIL_DOMAIN: DOMAIN,
    });
    expect(list).toContainEqual({ name: "SPOOL", type: "r2_bucket", bucketName: "mail-spool-second-example" });
  });

  it("protects what cannot be made again", () => {
    const guarded = resources.filter(({ options }) => options.protect === true).map(({ name }) => name);
    expect(guarded).toEqual(
      expect.arrayContaining(["dns-dnssec", "routing-catch-all", "routing-settings", "spool-bucket"]),
    );
  });

  it("shows no secret among its outputs", async () => {
    for (const value of Object.values(outputs)) expect(await pulumi.isSecret(pulumi.output(value))).toBe(false);
    expect(await valueOf(outputs.inboundWorker)).toBe("mail-inbound-second-example");
    expect(await valueOf(outputs.dnssecDs)).toContain(`${DOMAIN}. 3600 IN DS`);
  });
});

/** Type names of what a resource waits for, beside its inputs. */
function waitsFor(declared: Declared): readonly string[] {
  const { dependsOn } = declared.options;
  const list: readonly unknown[] = Array.isArray(dependsOn) ? dependsOn : [];
  return list.map((one) => (one instanceof pulumi.Resource ? one.constructor.name : "not known yet"));
}
