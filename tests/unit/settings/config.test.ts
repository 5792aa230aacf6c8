import * as pulumi from "@pulumi/pulumi";
import { readCloudflareApi, readStack } from "../../../infra/config";
import { KEYS } from "../../../infra/settings/keys";
import { hostOffer } from "../../../infra/settings/host-offer";
import { rawWith, SECRETS, settingsWith } from "./fixtures";

function configure(changes: Parameters<typeof rawWith>[0], others: Readonly<Record<string, string>> = {}): void {
  const raw = [...rawWith(changes)].filter(([, { text }]) => text !== undefined);
  const config = Object.fromEntries(raw.map(([key, { text = "" }]) => [`mail:${key}`, text]));
  const secretKeys = raw.filter(([, { secret }]) => secret).map(([key]) => `mail:${key}`);
  pulumi.runtime.setAllConfig({ ...config, ...others }, secretKeys);
}

const ENVIRONMENT = { ...process.env };
afterEach(() => {
  process.env = { ...ENVIRONMENT };
});

test("settings come from the engine's configuration", async () => {
  configure({ hostPort: "2222" }, { "aws:region": "eu-west-1" });
  expect(await readStack()).toMatchObject({
    kind: "host",
    settings: { domain: "example.test", host: { port: 2222 } },
  });
});

test("problems end the run without a stack trace", async () => {
  configure({ domain: "co.uk", domian: "x", resendApiKey: { text: SECRETS.resendApiKey, secret: false } });
  const error: unknown = await readStack().catch((thrown: unknown) => thrown);
  expect(pulumi.RunError.isInstance(error)).toBe(true);
  expect(String(error)).toMatch(
    /mail:domain is a public suffix\.[^]*mail:resendApiKey is a secret, but[^]*"mail:domian" is no setting/,
  );
});

describe("a further domain", () => {
  const further = {
    hostStack: "prod",
    domain: "second.example",
    primaryAddress: "root@second.example",
    ...Object.fromEntries(Object.entries(KEYS).flatMap(([name, key]) => ("ofHost" in key ? [[name, undefined]] : []))),
  };
  const offered: string[] = [];
  beforeEach(async () => {
    offered.length = 0;
    const offer = hostOffer(settingsWith(), {
      clientId: "id",
      clientSecret: "secret",
      key: "key",
      arrivalsKey: "arrivals",
    });
    const mocks: pulumi.runtime.Mocks = {
      newResource: ({ inputs, name }) => {
        offered.push(name);
        return { id: name, state: { ...(inputs as object), outputs: { hostOffer: offer }, secretOutputNames: [] } };
      },
      call: () => ({}),
    };
    await pulumi.runtime.setMocks(mocks, "mail-stack", "second", false, "organization");
  });
  const thrown = async () => String(await readStack().catch((error: unknown) => error));

  test("has the host of the stack that it names", async () => {
    configure(further);
    expect(await readStack()).toMatchObject({ kind: "further", settings: { hostDomain: "example.test" } });
    expect(offered).toEqual(["organization/mail-stack/prod"]);
  });

  test("cannot name itself: nothing is said of the host's keys then", async () => {
    configure({ ...further, hostStack: "second" });
    expect(await thrown()).toContain("mail:hostStack names this stack itself.");
    configure({ hostStack: "second" });
    expect(await thrown()).toContain("pulumi config rm mail:hostStack --stack second");
    expect(offered).toEqual([]);
  });

  test("cannot have the host's own domain", async () => {
    configure({ ...further, domain: "example.test", primaryAddress: "root@example.test" });
    expect(await thrown()).toContain("mail:domain example.test is the domain of stack prod");
  });
});

test("Cloudflare's API: configuration, then environment, then the public one", () => {
  delete process.env["CLOUDFLARE_API_TOKEN"];
  delete process.env["CLOUDFLARE_BASE_URL"];
  configure({});
  expect(readCloudflareApi()).toEqual({ baseUrl: "https://api.cloudflare.com/client/v4", token: undefined });
  process.env["CLOUDFLARE_API_TOKEN"] = "from-environment";
  process.env["CLOUDFLARE_BASE_URL"] = "http://127.0.0.1:8787/";
  expect(readCloudflareApi().token?.reveal()).toBe("from-environment");
  expect(readCloudflareApi().baseUrl).toBe("http://127.0.0.1:8787");
  configure({}, { "cloudflare:apiToken": "from-stack", "cloudflare:baseUrl": "https://api.example/v4" });
  expect(readCloudflareApi().token?.reveal()).toBe("from-stack");
  expect(readCloudflareApi().baseUrl).toBe("https://api.example/v4");
  configure({}, { "cloudflare:baseUrl": "nonsense" });
  expect(() => readCloudflareApi()).toThrow("cloudflare:baseUrl (or CLOUDFLARE_BASE_URL) is no http(s) URL");
});
