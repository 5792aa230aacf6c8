import { domainFiles } from "../../../infra/host/stalwart/domain-files";
import { furtherSettings, parseFurther } from "../../../infra/settings/further";
import { hostOffer } from "../../../infra/settings/host-offer";
import type { RawValue } from "../../../infra/settings/parse";
import type { FurtherSettings } from "../../../infra/settings/settings";
import { run } from "../../../onhost/src/commands";
import { filesOf } from "../../../onhost/src/deployment";
import { SECRETS, settingsWith } from "../settings/fixtures";
import { basic, type Lab, openLab } from "./lab";

const DOMAINS = ["second.example", "third.example"];

let lab: Lab;
beforeEach(async () => {
  lab = await openLab();
  await lab.converge();
});
afterEach(() => lab.close());

function settingsOf(domain: string): FurtherSettings {
  const { dkimRsaPrivateKey, dkimEd25519PrivateKey, accountPassword } = SECRETS;
  const plain = {
    domain,
    hostStack: "prod",
    primaryAddress: `root@${domain}`,
    dkimRsaSelector: "r1",
    dkimEd25519Selector: "e1",
  };
  const secrets = { dkimRsaPrivateKey, dkimEd25519PrivateKey, accountPassword };
  const result = parseFurther(
    new Map<string, RawValue>([
      ...Object.entries(plain).map(([key, text]) => [key, { text, secret: false }] as const),
      ...Object.entries(secrets).map(([key, text]) => [key, { text, secret: true }] as const),
    ]),
  );
  if (result.kind !== "settings") throw new Error(JSON.stringify(result));
  const worker = { clientId: "id", clientSecret: "secret", key: "key", arrivalsKey: "arrivals" };
  return furtherSettings(result.settings, hostOffer(settingsWith(), worker));
}

/** What the `up` of a further domain does with Stalwart. */
async function add(domain: string): Promise<void> {
  for (const { path, content } of domainFiles(settingsOf(domain))) lab.write(path, content);
  expect(await lab.apply(filesOf(domain).plan)).toMatchObject({ exitCode: 0 });
  expect(await lab.onhost("passwords", domain)).toMatchObject({ code: 0 });
}

test("further domains are as planned beside the host's, whose plan leaves them alone and the other way round", async () => {
  expect(await lab.onhost("verify", "second.example")).toMatchObject({ code: 1 });
  expect(await lab.onhost("verify", "--further")).toEqual({ code: 0, out: "", err: "" });
  for (const domain of DOMAINS) await add(domain);
  const data = lab.registry.dump();
  await lab.converge();
  for (const domain of [...DOMAINS].reverse()) await add(domain);
  for (const args of [[], ...DOMAINS.map((domain) => [domain])])
    expect(await lab.onhost("verify", ...args)).toEqual({ code: 0, out: "", err: "" });
  expect(await lab.onhost("verify", "--further")).toEqual({ code: 0, out: `${DOMAINS.join("\n")}\n`, err: "" });
  expect(lab.registry.dump()).toBe(data);
  for (const domain of [...DOMAINS, "example.test"])
    expect(await lab.status(basic(`root@${domain}`, SECRETS.accountPassword))).toBe(200);
});

test("drift of one domain is told of that domain alone", async () => {
  for (const domain of DOMAINS) await add(domain);
  const { list } = (await lab.call("x:Domain/get", { ids: null })) as { list: readonly { id: string; name: string }[] };
  const id = list.find(({ name }) => name === "second.example")?.id ?? "";
  await lab.call("x:Domain/set", { update: { [id]: { catchAllAddress: null } } });
  expect(await lab.onhost("verify", "second.example")).toMatchObject({ code: 3 });
  expect(await lab.onhost("verify", "third.example")).toMatchObject({ code: 0 });
  expect(await lab.onhost("verify")).toMatchObject({ code: 0 });
  const { code, out, err } = await lab.onhost("verify", "--further");
  expect({ code, out, domains: err.split("\n").map((line) => line.split(":")[0]) }).toEqual({
    code: 3,
    out: "third.example\n",
    domains: ["second.example", ""],
  });
});

test("listeners are the host's: whatever ports are open, a further domain asks for no restart", async () => {
  await add("second.example");
  const env = { ONHOST_ROOT: lab.root, STALWART_URL: lab.url };
  const said: string[] = [];
  const out = { write: (part: string) => said.push(part) };
  expect(await run(["verify", "second.example"], env, out, out)).toBe(0);
  // Nothing listens on this machine's mail ports.
  expect(await run(["verify"], env, out, out)).toBe(4);
});

test.each(["../plan", "no-dot", "A.B", "a..b"])("%p is no domain", async (domain) => {
  expect(await lab.onhost("verify", domain)).toMatchObject({ code: 2 });
  expect(await lab.onhost("passwords", domain)).toMatchObject({ code: 2 });
});
