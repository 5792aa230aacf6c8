import { readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { STALWART_VERSION } from "../../../infra/host/images";
import { STALWART_PORTS } from "../../../infra/host/layout";
import { stalwartFiles } from "../../../infra/host/stalwart/files";
import { reloadPlan, stalwartPlan } from "../../../infra/host/stalwart/plan";
import { FILES, parseDeployment } from "../../../onhost/src/deployment";
import { isFields, parsePlan, renderPlan, type Fields, type PlanLine } from "../../../onhost/src/plan-line";
import { SCHEMA, SCHEMA_VERSION, type SchemaExcerpt } from "../../../sandbox/host/registry/schema";
import { refuseSecrets } from "../onhost/lab";
import { SECRETS, settingsWith } from "../settings/fixtures";
import { schemaFaults } from "./schema-check";

const plan = stalwartPlan(settingsWith());
const valuesOf = (object: string): readonly Fields[] =>
  plan
    .filter((line) => line.object === object)
    .flatMap((line) => (line["@type"] === "update" ? [line.value] : Object.values(line.value)));

test("every object, field, variant and value is one of Stalwart's own schema", () => {
  expect(SCHEMA.version).toBe(STALWART_VERSION);
  expect(SCHEMA_VERSION).toBe(STALWART_VERSION);
  expect(schemaFaults([...plan, ...reloadPlan()], SCHEMA)).toEqual([]);
});

test.each<[string, (line: PlanLine) => PlanLine]>([
  ['Http: field "useXForwardedFor"', on("Http", { useXForwardedFor: true })],
  ['Http: field "enableHsts"', on("Http", { enableHsts: "no" })],
  ['Http: field "rateLimitAnonymous.rate"', on("Http", { rateLimitAnonymous: { rate: 5 } })],
  ['BlobStore: variant "Rocks"', on("BlobStore", { "@type": "Rocks" })],
  ["NoSuchObject: object", (line) => (line.object === "Asn" ? { ...line, object: "NoSuchObject" } : line)],
])("a plan with a fault is found: %s", (fault, change) => {
  expect(schemaFaults(plan.map(change), SCHEMA)).toEqual([fault]);
});

test("the schema excerpt lacks a field that was taken away", () => {
  const { Http, ...fields } = SCHEMA.fields;
  const { useXForwarded, ...rest } = Http ?? {};
  expect(useXForwarded).toBeDefined();
  const older: SchemaExcerpt = { ...SCHEMA, fields: { ...fields, Http: rest } };
  expect(schemaFaults(plan, older)).toEqual(['Http: field "useXForwarded"']);
});

test("no line touches credentials, and the recovery administrator is in no file", () => {
  expect(renderPlan(plan)).not.toContain("credentials");
  expect(stalwartFiles(settingsWith()).map(({ path: name }) => name)).not.toContain(FILES.recoveryAdmin);
});

test("every expression says that it has no conditions: a default's would stay, and send the relay's key to anyone", () => {
  const expressions: Fields[] = [];
  const walk = (value: unknown): void => {
    if (!isFields(value)) return;
    if ("else" in value) expressions.push(value);
    Object.values(value).forEach(walk);
  };
  plan.forEach(({ value }) => walk(value));
  expect(expressions).toHaveLength(14);
  for (const expression of expressions) expect(isFields(expression["match"])).toBe(true);
});

test("references point to what an earlier line made", () => {
  const made = new Set<string>();
  for (const line of plan) {
    const text = JSON.stringify(line.value);
    for (const [, name = ""] of text.matchAll(/"#([^"]+)"/g)) expect([...made]).toContain(name);
    if (line["@type"] !== "update") for (const name of Object.keys(line.value)) made.add(name);
  }
});

test("listeners are exactly the layout's ports; PROXY headers count on mail ports and from Traefik alone", () => {
  const listeners = valuesOf("NetworkListener");
  expect(
    listeners
      .map(({ bind }) => Object.keys(bind as object))
      .flat()
      .toSorted(),
  ).toEqual(
    Object.entries(STALWART_PORTS)
      .filter(([name]) => name !== "lmtp")
      .map(([, port]) => `0.0.0.0:${port}`)
      .toSorted(),
  );
  for (const { name, overrideProxyTrustedNetworks } of listeners)
    expect(overrideProxyTrustedNetworks).toEqual(name === "http" ? {} : { "172.30.25.138": true });
  expect(valuesOf("SystemSettings").map(({ proxyTrustedNetworks }) => proxyTrustedNetworks)).toEqual([{}]);
  expect(valuesOf("AllowedIp").map(({ address }) => address)).toEqual(["172.30.25.138", "172.30.25.20"]);
});

test("the relay is Resend with TLS from the first byte; what is local stays; nothing is tried without checks", () => {
  expect(valuesOf("MtaOutboundStrategy")).toEqual([
    {
      route: { match: { "0": { if: "is_local_domain(rcpt_domain)", then: "'local'" } }, else: "'resend'" },
      tls: { match: {}, else: "'relay-strict'" },
    },
  ]);
  expect(valuesOf("MtaRoute")).toMatchObject([
    { address: "smtp.resend.com", port: 465, implicitTls: true, allowInvalidCerts: false },
  ]);
});

test("aliases and catch-all are the settings'", () => {
  const settings = settingsWith({ aliases: '["postmaster","abuse","sales"]', catchAll: "none" });
  const text = renderPlan(stalwartPlan(settings));
  expect(text).toContain('"catchAllAddress":null');
  expect(text).toContain('"2":{"name":"sales","domainId":"#domain","enabled":true}');
});

test("secrets are in files with mode 0600 only, and in no other", () => {
  for (const { path: name, content, mode } of stalwartFiles(settingsWith())) {
    if (mode !== "0600") expect(() => refuseSecrets(content)).not.toThrow();
    else expect([FILES.plan, FILES.resend, FILES.adminPassword, FILES.accountPassword]).toContain(name);
  }
});

test("the plan file reads back as the plan; a broken line is named without its text", () => {
  expect(parsePlan(renderPlan(plan))).toEqual(plan);
  for (const line of ['{"@type":"update"', "[]", '{"@type":"upsert","object":"X","value":{"a":1}}'])
    expect(() => parsePlan(`${renderPlan(plan.slice(0, 1))}${line}\n`)).toThrow(/^Line 2 of Stalwart's plan [^"{]*$/);
});

test("the deployment file says what onhost must know", () => {
  const file = stalwartFiles(settingsWith()).find(({ path: name }) => name === FILES.deployment);
  expect(parseDeployment(file?.content ?? "")).toEqual({
    domain: "example.test",
    admin: "admin@example.test",
    primary: "root@example.test",
    service: "cf-mail-worker@example.test",
    workerAddress: "172.30.25.20",
    hostname: "stalwart.example.test",
  });
  expect(() => parseDeployment('{"domain":"example.test"}')).toThrow('does not say "admin"');
});

test("the files of augustin.ai are the reviewed ones", () => {
  const settings = settingsWith({
    domain: "augustin.ai",
    primaryAddress: "root@augustin.ai",
    catchAll: "root@augustin.ai",
    serverHostname: "stalwart.augustin.ai",
  });
  const text = stalwartFiles(settings)
    .map(({ path: name, mode, restarts, content }) => `== ${name} ${mode} ${restarts.join(" ")}\n${masked(content)}`)
    .join("\n");
  const golden = path.join(__dirname, "../../golden/stalwart.augustin.ai.txt");
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, text);
  expect(text).toBe(readFileSync(golden, "utf8"));
});

/** Secrets replaced by their names. */
function masked(content: string): string {
  return Object.entries(SECRETS).reduce(
    (text, [name, secret]) =>
      text.replaceAll(secret, `(${name})`).replaceAll(JSON.stringify(secret).slice(1, -1), `(${name})`),
    content,
  );
}

function on(object: string, change: Fields): (line: PlanLine) => PlanLine {
  return (line) =>
    line.object === object && line["@type"] === "update" ? { ...line, value: { ...line.value, ...change } } : line;
}
