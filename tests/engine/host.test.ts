import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { addresses } from "../../infra/host/layout";
import { settingsOf } from "../../infra/settings/stack-file";
import { CATCH_ALL } from "../../sandbox/cloud/kinds/email-routing";
import { SCRIPT } from "../../sandbox/cloud/kinds/workers";
import { listAt } from "../../sandbox/cloud/props";
import type { World } from "../../sandbox/cloud/world";
import { up } from "../../sandbox/converge";
import { COMMAND } from "../../sandbox/engine/command";
import { deliver } from "../../sandbox/send";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS, type Lab, newLab, upElsewhere } from "./lab";

const ROOT = "root@augustin.ai";
let sent = 0;

function message(): Buffer {
  sent += 1;
  return Buffer.from(`From: a@sender.example\r\nMessage-ID: <host-${sent}@sender.example>\r\n\r\nMessage ${sent}\r\n`);
}

const deliverOne = (lab: Lab) => deliver(lab.outside, ROOT, ROOT, message());
const waiting = async ({ outside }: Lab) =>
  (await outside.world.buckets.list("mail-spool-augustin-ai", "spool/")).length;

describeEngine("a host that cannot be reached", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await newLab();
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => lab.close());

  test(
    "fails the first up fast, with address, port and what to check, and no mail is taken that cannot be delivered",
    async () => {
      const { host, world } = lab.outside;
      await host.ssh.pause();
      const started = performance.now();
      const failure = await upElsewhere(lab);
      // Starting the engine and a process included.
      expect(performance.now() - started).toBeLessThan(30_000);
      const place = `127.0.0.1:${host.ssh.port}`;
      expect(failure).toContain(`dial tcp ${place}: connect: connection refused`);
      expect(failure).toContain(`The docker host does not answer by SSH at 127.0.0.1, port ${host.ssh.port}`);
      expect(failure).toContain("Check that the machine is up and its sshd runs");
      expect(world.all(CATCH_ALL)).toEqual([]);
      expect(world.zones[0]?.emailRouting).toBe(false);
      expect(world.all(SCRIPT).map(({ id }) => id)).not.toContain("mail-inbound");

      await host.ssh.resume();
      const { dnssecDs } = await up(lab.stack);
      lab.outside.publishDs(dnssecDs);
      expect((await deliverOne(lab)).reply).toMatch(/^250 /);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "does not hinder changes of DNS and edge later, and inbound mail goes on",
    async () => {
      const { host, world } = lab.outside;
      await host.ssh.pause();
      const before = host.ssh.commands.length;
      await lab.stack.setConfig("mail:tlsReportAddress", { value: "tls@augustin.ai" });
      await up(lab.stack);
      const record = world.zones[0]?.records.find(({ name }) => name === "_smtp._tls.augustin.ai");
      expect(record?.content).toContain("tls@augustin.ai");
      await deliverOne(lab);

      // With a change for the host it fails, and inbound is as it was.
      await lab.stack.setConfig("mail:hostSubnet", { value: "172.30.26.0/24" });
      expect(await upElsewhere(lab)).toContain("connection refused");
      await deliverOne(lab);
      expect(await waiting(lab)).toBe(0);
      expect(host.ssh.commands).toHaveLength(before);
      await host.ssh.resume();
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "gets the change when it is back; then every container has an address in the new network",
    async () => {
      await up(lab.stack);
      const { engine } = lab.outside.host;
      expect(engine.running("traefik")?.service.networks).toEqual({ edge: "172.30.26.10", mail: "172.30.26.138" });
      await deliverOne(lab);
    },
    ENGINE_TIMEOUT_MS,
  );
});

describeEngine("a host in use", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await newLab();
    await up(lab.stack);
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => lab.close());

  test(
    "makes no container anew for a file that none reads at its start",
    async () => {
      const { engine } = lab.outside.host;
      const before = engine.events.length;
      await lab.stack.setConfig("mail:accountPassword", { value: "another-Long-Password-17", secret: true });
      await up(lab.stack);
      const after = engine.events.slice(before);
      expect(new Set(after.map(({ action }) => action))).toEqual(new Set(["run"]));
      await deliverOne(lab);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "makes only that container anew whose files changed",
    async () => {
      const { engine } = lab.outside.host;
      const before = engine.events.length;
      await lab.stack.setConfig("mail:resendApiKey", { value: "re_0123456789abcdef01234567", secret: true });
      await up(lab.stack);
      const created = engine.events.slice(before).filter(({ action }) => action === "create");
      expect(created.map(({ service }) => service)).toEqual(["stalwart"]);
      await deliverOne(lab);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "changes the Worker's key while mail flows, and no message has to wait",
    async () => {
      const { host, world } = lab.outside;
      const folder = join(host.folder, "apps", "stalwart", "keys");
      const old = readFileSync(join(folder, "worker-1"), "utf8").trim();
      const calls = world.calls.length;
      await lab.stack.setConfig("mail:workerKeyNumber", { value: "2" });
      const seen = watchWithdrawal(lab);
      const updating = { ended: false };
      const flow = mailUntil(lab, updating);
      await up(lab.stack).finally(() => (updating.ended = true));
      expect(await flow).toBeGreaterThan(3);
      await deliverOne(lab);
      expect(await waiting(lab)).toBe(0);
      const [one, other, ...later] = world.calls.slice(calls).map(({ name }) => name);
      expect([one, other].sort()).toEqual(["host-arrivals-key", "host-key"]);
      expect(later).toEqual(["inbound", "host-key-retired"]);
      expect(readdirSync(folder)).toEqual(["worker-2"]);
      // When the old key began to be withdrawn, the Worker had the new one.
      expect(seen).toEqual([readFileSync(join(folder, "worker-2"), "utf8").trim()]);
      expect(await statusWith(lab, old)).toBe(401);
      expect(await statusWith(lab, readFileSync(join(folder, "worker-2"), "utf8").trim())).toBe(200);
      expect(existsSync(join(folder, "worker-1"))).toBe(false);
    },
    ENGINE_TIMEOUT_MS,
  );

  test("got all of this through commands that verify the host and hide what they carry", () => {
    const commands = lab.outside.world.all(COMMAND).map(({ props }) => props);
    expect(commands).toHaveLength(5);
    for (const { connection, create, logging, triggers } of commands) {
      expect(connection).toMatchObject({ hostKey: lab.invented.values["hostKey"] });
      expect({ create, logging, triggers }).toEqual({ create: "bash -s", logging: "none", triggers: undefined });
    }
    expect(new Set(lab.outside.host.ssh.commands)).toEqual(new Set(["bash -s"]));
  });
});

/** @returns the keys that the Worker has whenever the command that withdraws older ones starts */
function watchWithdrawal({ outside: { world } }: Lab): string[] {
  const seen: string[] = [];
  const { commands } = world;
  world.commands = {
    run: (step, inputs, before) => {
      if (String(inputs["stdin"]).includes("onhost retire")) seen.push(workerToken(world));
      return commands.run(step, inputs, before);
    },
  };
  return seen;
}

function workerToken(world: World): string {
  const script = world.all(SCRIPT).find(({ id }) => id === "mail-inbound");
  const bindings = listAt(script?.props ?? {}, "bindings");
  return String(bindings.find(({ name }) => name === "JMAP_TOKEN")?.["text"]);
}

/** One message after the other, each delivered before the next. @returns how many */
async function mailUntil(lab: Lab, other: { readonly ended: boolean }): Promise<number> {
  let delivered = 0;
  for (; !other.ended; delivered += 1) await deliverOne(lab);
  return delivered;
}

async function statusWith(lab: Lab, key: string): Promise<number> {
  const url = `http://127.0.0.1:${lab.outside.host.mailPort() ?? 0}/jmap/session`;
  // The key works from that address alone, as Traefik tells it.
  const from = addresses(settingsOf("prod", lab.invented).host.subnet).edge.cloudflared;
  return (await fetch(url, { headers: { authorization: `Bearer ${key}`, "x-forwarded-for": from } })).status;
}
