import { generateKeyPairSync } from "node:crypto";

import { settingsWith } from "../settings/fixtures";
import { openLab, type Lab } from "./lab";

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
  await lab.converge();
});
afterEach(() => lab.close());

const privateKey = (): string =>
  generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();

async function selectors(): Promise<readonly string[]> {
  const { list } = (await lab.call("x:DkimSignature/get", { ids: null })) as { list: { selector: string }[] };
  return list.map(({ selector }) => selector).sort();
}

/** Another domain on the same host, with a signature. */
async function furtherDomain(): Promise<void> {
  const { created } = (await lab.call("x:Domain/set", { create: { d: { name: "further.test" } } })) as {
    created: { d: { id: string } };
  };
  await lab.call("x:DkimSignature/set", {
    create: {
      s: {
        "@type": "Dkim1Ed25519Sha256",
        domainId: created.d.id,
        selector: "further",
        privateKey: { "@type": "Text", secret: privateKey() },
      },
    },
  });
}

test("a former key signs no more, another domain's goes on, and a second run finds nothing", async () => {
  await furtherDomain();
  expect(await lab.onhost("signatures")).toMatchObject({ code: 0, err: "" });
  expect(await selectors()).toEqual(["202602e", "202602r", "further"]);

  lab.install(settingsWith({ dkimEd25519Selector: "202611e", dkimEd25519PrivateKey: privateKey() }));
  await lab.converge();
  expect(await selectors()).toEqual(["202602e", "202602r", "202611e", "further"]);
  const { code, err } = await lab.onhost("signatures");
  expect([code, err]).toEqual([0, "The DKIM signature 202602e is withdrawn.\n"]);
  expect(await selectors()).toEqual(["202602r", "202611e", "further"]);
  expect(await lab.onhost("verify")).toMatchObject({ code: 0 });
  expect(await lab.onhost("signatures")).toMatchObject({ code: 0, err: "" });
});

test("of a further domain: its own former one goes, the host's domain keeps all", async () => {
  await furtherDomain();
  const line = {
    "@type": "upsert",
    object: "DkimSignature",
    matchOn: ["selector"],
    value: { s: { selector: "newer" } },
  };
  lab.write("stalwart/plan/further.test.ndjson", `${JSON.stringify(line)}\n`);
  const { code, err } = await lab.onhost("signatures", "further.test");
  expect([code, err]).toEqual([0, "The DKIM signature further is withdrawn.\n"]);
  expect(await selectors()).toEqual(["202602e", "202602r"]);
  expect((await lab.onhost("signatures", "no domain")).code).toBe(2);
});
