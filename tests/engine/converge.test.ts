import { existsSync } from "node:fs";
import { join } from "node:path";

import * as pulumi from "@pulumi/pulumi";

import { SERVICES } from "../../infra/host/layout";
import { program } from "../../infra/program";
import { Changed, up, upAgain } from "../../sandbox/converge";
import { KINDS } from "../../sandbox/cloud/kinds";
import { CATCH_ALL } from "../../sandbox/cloud/kinds/email-routing";
import { R2_BUCKET, R2_LIFECYCLE } from "../../sandbox/cloud/kinds/r2";
import { SCRIPT } from "../../sandbox/cloud/kinds/workers";
import { deliver } from "../../sandbox/send";
import { describeEngine } from "./describe";
import { ENGINE_TIMEOUT_MS, type Lab, newLab } from "./lab";

const MESSAGE = Buffer.from("From: a@sender.example\r\nMessage-ID: <1@sender.example>\r\n\r\nGr\u00fc\u00dfe\r\n");

describeEngine("the documented deployment on the real engine", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await newLab();
  }, ENGINE_TIMEOUT_MS);
  afterAll(() => lab.close());

  test(
    "converges, delivers, and a second up after a refresh changes nothing",
    async () => {
      const { dnssecDs, resources } = await up(lab.stack);
      expect(resources).toBeGreaterThan(40);
      lab.outside.publishDs(dnssecDs);
      const { world, host } = lab.outside;
      const before = [world.calls.length, host.ssh.commands.length, host.engine.events.length];

      expect(await upAgain(lab.stack)).toBe(0);
      expect([world.calls.length, host.ssh.commands.length, host.engine.events.length]).toEqual(before);

      const delivery = await deliver(lab.outside, "root@augustin.ai", "root@augustin.ai", MESSAGE);
      expect(delivery.stored).toEqual(delivery.sent);
    },
    ENGINE_TIMEOUT_MS,
  );
});

/** The bucket of the backups stays, and what guards it; its user goes. */
const BACKUPS_LEFT = [
  "Bucket",
  "BucketLifecycleConfiguration",
  "BucketOwnershipControls",
  "BucketPolicy",
  "BucketPublicAccessBlock",
  "BucketServerSideEncryptionConfiguration",
  "BucketVersioning",
];

describeEngine("taking a deployment down", () => {
  test(
    "needs protection off, and leaves what the services cannot delete and the bucket, which may hold mail",
    async () => {
      const lab = await newLab();
      try {
        await up(lab.stack);
        const refusal = await lab.stack.previewDestroy().catch((error: unknown) => String(error));
        expect(refusal).toContain("because it is protected");

        await lab.stack.setConfig("mail:inbound", { value: "off" });
        await lab.stack.setConfig("mail:protect", { value: "false" });
        await up(lab.stack);
        await lab.stack.destroy();
        const left = Object.keys(KINDS).flatMap((type) =>
          lab.outside.world.all(type).map(({ props }) => ({ type, props })),
        );
        const aws = left.filter(({ type }) => type.startsWith("aws:"));
        expect(aws.map(({ type }) => type.replace(/^.*:/, "")).sort()).toEqual(BACKUPS_LEFT);
        expect(left.filter((each) => !aws.includes(each))).toMatchObject([
          { type: CATCH_ALL, props: { actions: [{ type: "drop" }] } },
          { type: R2_BUCKET, props: { name: "mail-spool-augustin-ai" } },
          { type: R2_LIFECYCLE, props: { bucketName: "mail-spool-augustin-ai" } },
        ]);
        // Containers are stopped; files, keys and data stay where they are.
        const { engine, folder } = lab.outside.host;
        expect(SERVICES.filter((name) => engine.running(name))).toEqual([]);
        for (const path of ["stalwart/data/registry.json", "stalwart/keys/worker-1", "mail-stack/compose.yaml"])
          expect(existsSync(join(folder, "apps", path))).toBe(true);
      } finally {
        await lab.close();
      }
    },
    ENGINE_TIMEOUT_MS,
  );
});

describeEngine("switching the spool off", () => {
  test(
    "needs protection off first, and leaves the bucket with the mail in it",
    async () => {
      const lab = await newLab();
      try {
        await up(lab.stack);
        await lab.outside.world.buckets.put("mail-spool-augustin-ai", "spool/waiting.eml", Buffer.from("x"));
        await lab.stack.setConfig("mail:spool", { value: "none" });
        await expect(up(lab.stack)).rejects.toThrow(/spool-bucket.*protected|protected.*spool-bucket/s);

        await lab.stack.setConfig("mail:spool", { value: "r2" });
        await lab.stack.setConfig("mail:protect", { value: "false" });
        await up(lab.stack);
        await lab.stack.setConfig("mail:spool", { value: "none" });
        const { dnssecDs } = await up(lab.stack);
        lab.outside.publishDs(dnssecDs);
        expect(await upAgain(lab.stack)).toBe(0);
        const { world } = lab.outside;
        expect(world.all(R2_BUCKET)).toMatchObject([{ props: { name: "mail-spool-augustin-ai" } }]);
        expect(world.buckets.isEmpty("mail-spool-augustin-ai")).toBe(false);
        const [script] = world.all(SCRIPT).filter(({ id }) => id === "mail-inbound");
        expect(JSON.stringify(script?.props)).not.toContain("mail-spool");
      } finally {
        await lab.close();
      }
    },
    ENGINE_TIMEOUT_MS,
  );
});

describeEngine("a shape that the service would normalise", () => {
  test(
    "shows as a change after a refresh, so that zero changes mean something",
    async () => {
      const lab = await newLab(() => {
        pulumi.runtime.registerStackTransformation(({ type, props, opts }) =>
          type === "cloudflare:index/dnsRecord:DnsRecord" && props["name"] === "_dmarc.augustin.ai"
            ? { props: { ...props, content: "v=DMARC1; p=reject" }, opts }
            : undefined,
        );
        return program();
      });
      try {
        const { dnssecDs } = await up(lab.stack);
        lab.outside.publishDs(dnssecDs);
        await expect(upAgain(lab.stack)).rejects.toThrow(Changed);
        await expect(upAgain(lab.stack)).rejects.toThrow(/update .*dns-txt-_dmarc content/);
      } finally {
        await lab.close();
      }
    },
    ENGINE_TIMEOUT_MS,
  );
});
