import { settingsOf } from "../../infra/settings/stack-file";
import { isProps } from "../../sandbox/cloud/props";
import { convergeWithoutEngine } from "../../sandbox/converge";
import { isSecretMark } from "../../sandbox/engine/secrets";
import { furtherWithoutEngine } from "../../sandbox/further";
import { type Outside, startOutside } from "../../sandbox/outside";
import { standIns } from "../../sandbox/stand-ins";

const STACK = "prod";
const DOMAIN = "second.example.org";

let outside: Outside;
const invented = standIns(STACK);
beforeAll(async () => {
  outside = await startOutside(settingsOf(STACK, invented), invented);
});
afterAll(() => outside.close());

test("the program of a further domain on the SDK's mocks: what is its own, and nothing of the host's", async () => {
  const { outputs } = await convergeWithoutEngine(STACK, invented, outside);
  const { registered } = await furtherWithoutEngine({ name: STACK, outside, invented }, DOMAIN, outputs);
  const types = new Set(registered.map(({ type }) => type.split(/[:/]/).at(-1)));
  for (const type of ["DnsRecord", "ZoneDnssec", "EmailRoutingCatchAll", "WorkersScript", "R2Bucket", "Command"])
    expect(types).toContain(type);
  for (const type of ["ZeroTrustTunnelCloudflared", "ZeroTrustAccessServiceToken", "AccountToken", "Bucket"])
    expect(types).not.toContain(type);
  expect(registered.filter(({ type }) => type.startsWith("command:")).map(({ name }) => name)).toEqual(["host-plan"]);

  const worker = registered.find(({ name }) => name === "inbound");
  const { bindings, scriptName } = worker?.inputs ?? {};
  expect(scriptName).toBe("mail-inbound-second-example-org");
  // A list with a secret in it is secret as a whole to the mocks.
  expect(isSecretMark(bindings)).toBe(true);
  const plan = registered.find(({ name }) => name === "host-plan");
  expect(isSecretMark(plan?.inputs["stdin"])).toBe(true);
  const { connection } = plan?.inputs ?? {};
  expect(isSecretMark(connection) || (isProps(connection) && isSecretMark(connection["privateKey"]))).toBe(true);
});
