import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { PulumiFn } from "@pulumi/pulumi/automation";

import { program } from "../../infra/program";
import { filesOf } from "../../onhost/src/deployment";
import { CATCH_ALL } from "../../sandbox/cloud/kinds/email-routing";
import { up, upAgain } from "../../sandbox/converge";
import type { SandboxStack } from "../../sandbox/engine/stack";
import { furtherStack } from "../../sandbox/further";
import { deliver } from "../../sandbox/send";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS, type Lab, newLab } from "./lab";

const FIRST = "augustin.ai";
const SECOND = "second.example.org";
const THIRD = "third-domain.net";
let sent = 0;

describeEngine("further domains on a host", () => {
  let lab: Lab;
  let second: SandboxStack;
  let third: SandboxStack;
  const made: SandboxStack[] = [];

  beforeAll(async () => {
    lab = await newLab();
  }, ENGINE_TIMEOUT_MS);
  afterAll(async () => {
    for (const stack of made) stack.remove();
    await lab.close();
  });

  const further = async (domain: string, theProgram: PulumiFn = program) => {
    const stack = await furtherStack({ ...lab, name: "prod", stack: lab }, domain, theProgram);
    made.push(stack);
    return stack;
  };
  const deliverTo = (address: string, account = `root@${address.split("@")[1] ?? ""}`) => {
    sent += 1;
    const lines = ["From: a@sender.example", `Message-ID: <domains-${sent}@sender.example>`, "", `Message ${sent}`, ""];
    return deliver(lab.outside, address, account, Buffer.from(lines.join("\r\n")));
  };
  const onHost = (path: string) => join(lab.outside.host.folder, "apps", path);

  test(
    "without the host's up say which command comes first, and make nothing",
    async () => {
      // The SDK leaves a rejection of its own behind when an inline program fails, and Jest takes it for the test's.
      let said = "";
      const early = await further("early.example.org", () =>
        program().catch((error: unknown) => {
          said = String(error);
          return {};
        }),
      );
      await early.stack.preview();
      expect(said).toContain("The stack prod (mail:hostStack) offers no host");
      expect(said).toContain("pulumi up --stack prod");
      expect(lab.outside.world.calls).toEqual([]);
    },
    ENGINE_TIMEOUT_MS,
  );

  test(
    "have mail of their own, and change nothing of the others",
    async () => {
      lab.outside.publishDs((await up(lab.stack)).dnssecDs);
      second = await further(SECOND);
      lab.outside.publishDs((await up(second.stack)).dnssecDs);
      third = await further(THIRD);
      lab.outside.publishDs((await up(third.stack)).dnssecDs);
      for (const { stack } of [lab, second, third]) expect(await upAgain(stack)).toBe(0);
      for (const domain of [FIRST, SECOND, THIRD])
        for (const local of ["root", "root+tag", "postmaster", "whoever"]) await deliverTo(`${local}@${domain}`);
      for (const domain of [FIRST, SECOND, THIRD]) expect(lab.outside.host.mailbox(`root@${domain}`)).toHaveLength(4);
    },
    ENGINE_TIMEOUT_MS * 2,
  );

  test(
    "keep what came while home was down apart",
    async () => {
      const { host, world } = lab.outside;
      await host.pause();
      for (const domain of [SECOND, THIRD])
        await expect(deliverTo(`root@${domain}`)).rejects.toThrow("it waits in the spool");
      expect(await world.buckets.list("mail-spool-second-example-org", "spool/")).toHaveLength(1);
      expect(await world.buckets.list("mail-spool-third--domain-net", "spool/")).toHaveLength(1);
      await host.resume();
      for (let run = 0; run < 3; run += 1) await lab.outside.cron();
      for (const domain of [SECOND, THIRD]) expect(host.mailbox(`root@${domain}`)).toHaveLength(5);
    },
    ENGINE_TIMEOUT_MS,
  );

  test("hold no secret in the clear in their state", () => {
    const state = readFileSync(second.stateFile, "utf8");
    const key = readFileSync(onHost("stalwart/keys/worker-1"), "utf8").trim();
    for (const secret of [key, ...Object.values(lab.invented.secrets)])
      expect(state.includes(JSON.stringify(secret).slice(1, -1))).toBe(false);
    expect(state).toContain("ciphertext");
  });

  test(
    "cannot be taken away while mail is routed to them; after that the others go on, and no mail is destroyed",
    async () => {
      const { host, world } = lab.outside;
      const refused = await second.stack.destroy().then(
        () => "succeeded",
        (error: unknown) => String(error),
      );
      expect(refused).toContain("routing-catch-all");
      expect(refused).toContain("protect");
      await deliverTo(`root@${SECOND}`);

      await second.stack.setConfig("mail:inbound", { value: "off" });
      await second.stack.setConfig("mail:protect", { value: "false" });
      await up(second.stack);
      await second.stack.destroy();
      const zone = world.zones.find(({ name }) => name === SECOND);
      expect({ routing: zone?.emailRouting, records: zone?.records }).toEqual({ routing: false, records: [] });
      expect(world.all(CATCH_ALL).map(({ props }) => props["name"])).not.toContain(undefined);
      for (const path of Object.values(filesOf(SECOND)))
        expect({ path, there: existsSync(onHost(path)) }).toEqual({ path, there: false });
      for (const path of Object.values(filesOf(THIRD)))
        expect({ path, there: existsSync(onHost(path)) }).toEqual({ path, there: true });
      // Nobody's mail is destroyed by a destroy.
      expect(host.mailbox(`root@${SECOND}`)).toHaveLength(6);

      for (const { stack } of [lab, third]) expect(await upAgain(stack)).toBe(0);
      for (const domain of [FIRST, THIRD]) await deliverTo(`root@${domain}`);
    },
    ENGINE_TIMEOUT_MS * 2,
  );
});
