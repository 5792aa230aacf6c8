import { hostFiles } from "../../../infra/host/files";
import { pack } from "../../../infra/host/ship/pack";
import {
  arrivalsKeyScript,
  installScript,
  keyScript,
  retireScript,
  stopCommand,
} from "../../../infra/host/ship/script";
import { textsToHide } from "../../../infra/host/ship/secrets";
import { Secret } from "../../../infra/settings/secret";
import { augustin } from "../dns/fixtures";

const EDGE = {
  tunnelToken: "tunnel-token-of-the-test",
  acmeDnsToken: "acme-token-of-the-test",
  tailnetKey: "key-of-the-test",
};

const options = { folder: "apps", stalwartVersion: "0.16.18", secrets: ["it's $secret", ""] };
const files = pack(hostFiles(augustin(), EDGE));

describe("the install script", () => {
  const script = installScript(files, options);
  const [functions = "", payload = ""] = script.split("\nmain; exit\n");

  it("is the same text for the same arguments, and smaller than what one channel takes at once", () => {
    expect(installScript(pack(hostFiles(augustin(), EDGE)), options)).toBe(script);
    // OpenSSH's window of a session is 2 MiB (channels.h, CHAN_SES_WINDOW_DEFAULT).
    expect(script.length).toBeLessThan(2 * 1024 * 1024);
  });

  it("is values, functions and one last line that starts them; then come the files", () => {
    const head = functions.split("\n").slice(0, 4);
    expect(head).toEqual([
      "readonly apps_folder='apps'",
      `readonly files_sha256='${files.sha256}'`,
      "readonly stalwart_version='0.16.18'",
      `secrets=('it'\\''s $secret')`,
    ]);
    expect(Buffer.from(payload, "base64").equals(files.archive)).toBe(true);
    expect(payload).toMatch(/^[A-Za-z0-9+/=]+\n$/);
  });

  it("holds no secret but in the list of what to hide and in the files", () => {
    expect(functions).not.toContain(EDGE.tunnelToken);
    expect(script.split("\nmain; exit\n")).toHaveLength(2);
  });
});

it("the script for the key is another one for another address, so that Pulumi runs it again", () => {
  expect(keyScript("apps", 1, "10.9.8.20")).not.toBe(keyScript("apps", 1, "172.30.25.20"));
});

describe("the other scripts", () => {
  it.each([
    ["key", keyScript("apps", 3, "172.30.25.20"), ["readonly key_command='key'"]],
    ["arrivals-key", arrivalsKeyScript("apps", 3), ["readonly key_command='arrivals-key'"]],
    ["retire", retireScript("apps", 3), []],
  ])("%s knows the folder and the number, and nothing of the files", (_name, script, command) => {
    const lines = script.split("\n").filter((line) => line !== "readonly worker_address='172.30.25.20'");
    expect(lines.slice(0, 3 + command.length)).toEqual([
      "readonly apps_folder='apps'",
      ...command,
      "readonly key_number='3'",
      "secrets=()",
    ]);
    expect(script.endsWith("\nmain; exit\n")).toBe(true);
  });

  it("stop is one command that reads its input to the end", () => {
    expect(stopCommand("apps")).toMatch(/^bash -c 'cat >\/dev\/null; cd "\$HOME\/apps\/mail-stack"/);
    expect(stopCommand("apps")).toMatch(/docker compose --profile tools stop'$/);
    expect(stopCommand("apps")).not.toContain("down");
  });
});

describe("what errors must hide", () => {
  it("is every secret of the files, keys line by line and without their armour", () => {
    const pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA0123\nshort\n-----END PRIVATE KEY-----\n";
    const settings = augustin();
    const dkim = { ...settings.dkim, ed25519: { ...settings.dkim.ed25519, privateKey: new Secret(pem) } };
    const stalwart = { ...settings.stalwart, adminPassword: new Secret("admin password") };
    const texts = textsToHide({ ...settings, dkim, stalwart }, EDGE);
    expect(texts).toEqual(
      expect.arrayContaining(["admin password", ...Object.values(EDGE), "MC4CAQAwBQYDK2VwBCIEIA0123"]),
    );
    expect(texts.filter((text) => text.length < 8 || text.includes("\n") || text.startsWith("---"))).toEqual([]);
  });
});
