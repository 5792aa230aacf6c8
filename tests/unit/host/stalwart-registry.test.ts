import { stalwartPlan } from "../../../infra/host/stalwart/plan";
import { renderPlan, type PlanLine } from "../../../onhost/src/plan-line";
import { createRegistry, UnknownMethod, type Registry } from "../../../sandbox/host/registry/registry";
import { openLab } from "../onhost/lab";
import { settingsWith } from "../settings/fixtures";

/** The model refuses what Stalwart 0.16.18 refuses; each of these was run against the real one or read in its source. */
let registry: Registry;
let domainId: string;
beforeEach(() => {
  registry = createRegistry();
  domainId = create("Domain", { name: "example.test" });
});

type Answer = Record<"created" | "updated" | "notCreated" | "notUpdated" | "notDestroyed", Record<string, unknown>>;
const set = (type: string, args: object) => registry.invoke(`x:${type}/set`, { ...args }) as unknown as Answer;

function create(type: string, value: object): string {
  const { created, notCreated } = set(type, { create: { k: value } });
  const made = created["k"] as { id: string } | undefined;
  if (made === undefined) throw new Error(JSON.stringify(notCreated["k"]));
  return made.id;
}

const refusal = (type: string, value: object) => set(type, { create: { k: value } }).notCreated["k"];
const change = (type: string, id: string, value: object) => set(type, { update: { [id]: value } });
const get = (type: string, id: string) =>
  (registry.invoke(`x:${type}/get`, { ids: [id] })["list"] as Record<string, unknown>[])[0];

test.each([
  ["Domain", { name: "other.test", colour: "red" }, "invalidPatch", "colour"],
  ["Domain", { name: "example.test" }, "primaryKeyViolation", "name"],
  ["Domain", { description: "no name" }, "validationFailed", "name"],
  ["Domain", { name: "other.test", createdAt: "2026-01-01T00:00:00Z" }, "invalidPatch", "createdAt"],
  ["Domain", { name: "other.test", isEnabled: "yes" }, "invalidPatch", "isEnabled"],
  ["Domain", { name: "other.test", catchAllAddress: "nobody" }, "invalidPatch", "catchAllAddress"],
  ["NetworkListener", { name: "x", protocol: "smtps", bind: { "0.0.0.0:1": true } }, "invalidPatch", "protocol"],
  ["NetworkListener", { name: "x", protocol: "smtp", bind: {} }, "validationFailed", "bind"],
  ["NetworkListener", { name: "x", protocol: "smtp", bind: { "0.0.0.0": true } }, "invalidPatch", "bind"],
  ["AllowedIp", { address: "172.30.25.0/64x" }, "invalidPatch", "address"],
  ["MtaRoute", { name: "x" }, "invalidPatch", undefined],
  ["MtaRoute", { "@type": "Smarthost", name: "x" }, "invalidPatch", undefined],
  ["MtaRoute", { "@type": "Relay", name: "x", port: 70_000 }, "validationFailed", "port"],
  ["Role", { description: "x", enabledPermissions: { readEverything: true } }, "invalidPatch", "enabledPermissions"],
  ["Account", { "@type": "User", name: "x", domainId: "zz" }, "invalidForeignKey", undefined],
])("%s %j is refused: %s %s", (type, value, error, property) => {
  const names = error === "validationFailed" ? { validationErrors: [{ property }] } : { properties: [property] };
  expect(refusal(type, value)).toMatchObject({ type: error, ...(property === undefined ? {} : names) });
});

test.each([
  ["resend", "Error parsing 'else' expression: Invalid variable or constant \"resend\""],
  ["'resend", "Error parsing 'else' expression: Unterminated string"],
])("a route that is named without quotes is refused: %j", (otherwise, description) => {
  const value = { route: { match: {}, else: otherwise } };
  const refused = change("MtaOutboundStrategy", "singleton", value).notUpdated["singleton"];
  expect(refused).toMatchObject({
    type: "validationFailed",
    validationErrors: [{ property: "route", value: description }],
  });
});

test("a nested value is merged: what is not named stays, also the retry that checks nothing", () => {
  change("MtaOutboundStrategy", "singleton", { tls: { else: "'relay-strict'" } });
  expect(get("MtaOutboundStrategy", "singleton")).toMatchObject({
    tls: { else: "'relay-strict'", match: { "0": { then: "'invalid-tls'" } } },
  });
});

test("what cannot change is refused, even when it would stay the same", () => {
  const id = create("AllowedIp", { address: "172.30.25.10/32", reason: "x" });
  expect(get("AllowedIp", id)).toMatchObject({ address: "172.30.25.10" });
  expect(change("AllowedIp", id, { reason: "y" }).updated).toEqual({ [id]: null });
  for (const address of ["172.30.25.10", "172.30.25.11"])
    expect(change("AllowedIp", id, { address }).notUpdated[id]).toEqual({
      type: "invalidPatch",
      description: "Cannot modify read-only property",
      properties: ["address"],
    });
});

test("an address belongs to one account, as name or alias", () => {
  create("Account", { "@type": "User", name: "me", domainId, aliases: { "0": { name: "postmaster", domainId } } });
  for (const name of ["me", "postmaster"])
    expect(refusal("Account", { "@type": "User", name, domainId })).toMatchObject({ type: "primaryKeyViolation" });
});

test("a domain that accounts live in cannot go", () => {
  create("Account", { "@type": "User", name: "me", domainId });
  expect(set("Domain", { destroy: [domainId] }).notDestroyed[domainId]).toMatchObject({ type: "objectIsLinked" });
});

test("secrets are masked; a credentials list that is sent replaces the stored one and its keys", () => {
  const credentials = { "0": { "@type": "Password", secret: "Correct-Horse-9" } };
  const id = create("Account", { "@type": "User", name: "me", domainId, credentials });
  registry.invoke("x:ApiKey/set", { accountId: id, create: { k: { description: "key" } } });
  expect(JSON.stringify(get("Account", id))).not.toContain("Correct-Horse");
  expect(get("Account", id)).toMatchObject({ credentials: { "0": { secret: "****" }, "1": { secret: "****" } } });
  change("Account", id, { credentials });
  expect(registry.invoke("x:ApiKey/get", { accountId: id, ids: null })["list"]).toEqual([]);
  expect(registry.dump()).not.toContain("Correct-Horse");
});

test("a second password, and a key through the account, are refused", () => {
  const id = create("Account", {
    "@type": "User",
    name: "me",
    domainId,
    credentials: { "0": { "@type": "Password", secret: "Correct-Horse-9" } },
  });
  const password = { "credentials/1": { "@type": "Password", secret: "Correct-Horse-8" } };
  const key = { "credentials/1": { "@type": "ApiKey", description: "x" } };
  expect(change("Account", id, password).notUpdated[id]).toMatchObject({
    description: "Only one password credential is allowed.",
  });
  expect(change("Account", id, key).notUpdated[id]).toMatchObject({
    description: "Secondary credentials cannot be set directly.",
  });
});

test("settings count after a reload, ports after a start; a reload looks up Pyzor's host", () => {
  change("Http", "singleton", { useXForwarded: true });
  create("NetworkListener", { name: "submission", protocol: "smtp", bind: { "0.0.0.0:587": true } });
  expect(registry.inEffect("Http")).toMatchObject({ useXForwarded: false });
  expect(refusal("Action", { "@type": "ReloadSettings" })).toMatchObject({ type: "validationFailed" });
  change("SpamPyzor", "singleton", { enable: false });
  expect(refusal("Action", { "@type": "ReloadSettings" })).toBeUndefined();
  expect(registry.inEffect("Http")).toMatchObject({ useXForwarded: true });
  expect(registry.ports()).not.toContain(587);
  registry.restart();
  expect(registry.ports()).toContain(587);
});

test("a start fills types that are empty, and no others", () => {
  const applications = registry.stored("Application");
  set("Application", { destroy: [...applications.keys()] });
  set("Tracer", { destroy: [...registry.stored("Tracer").keys()] });
  create("Tracer", { "@type": "Stdout" });
  registry.restart();
  expect([...registry.stored("Application").values()]).toMatchObject([{ description: "Stalwart Web Interface" }]);
  expect([...registry.stored("Tracer").values()]).toMatchObject([{ "@type": "Stdout" }]);
});

test("certificate files that cannot be used are refused when the plan or a reload reads them", () => {
  let fault = undefined as string | undefined;
  registry = createRegistry({ certificateFault: () => fault });
  const file = (filePath: string) => ({ "@type": "File", filePath });
  create("Certificate", { certificate: file("/c"), privateKey: file("/k") });
  fault = "No such file";
  expect(refusal("Action", { "@type": "ReloadTlsCertificates" })).toMatchObject({ description: "No such file" });
});

test("what the excerpt does not have is unknown", () => {
  for (const method of ["x:Tenant/get", "x:Domain/changes", "x:constructor/get"])
    expect(() => registry.invoke(method, {})).toThrow(UnknownMethod);
});

describe("applying a plan", () => {
  const plan = stalwartPlan(settingsWith());
  const withLab = async (run: (lab: Awaited<ReturnType<typeof openLab>>) => Promise<void>) => {
    const lab = await openLab();
    try {
      await run(lab);
    } finally {
      await lab.close();
    }
  };
  const broken = (line: PlanLine) => renderPlan([...plan, line]);

  test("an error in any line skips every clean-up, and leaves what came before", () =>
    withLab(async (lab) => {
      lab.write("x.ndjson", broken({ "@type": "update", object: "Http", value: { noSuchProp: 1 } }));
      const { exitCode, stderr } = await lab.apply("x.ndjson");
      expect([exitCode, stderr]).toEqual([
        1,
        "error: Http: update failed for 'singleton': invalidPatch | Invalid key for object | Properties: noSuchProp\n",
      ]);
      expect([...lab.registry.stored("NetworkListener").values()].map(({ name }) => name)).toContain("smtp");
      expect(lab.registry.stored("Domain").size).toBe(1);
    }));

  test("a file with a line that is none is not begun", () =>
    withLab(async (lab) => {
      lab.write("x.ndjson", `${renderPlan(plan)}{"@type":"upsert","object":"Domain","values":{}}\n`);
      expect((await lab.apply("x.ndjson")).stderr).toContain(`invalid plan NDJSON on line ${plan.length + 1}`);
      expect(lab.registry.stored("Domain").size).toBe(0);
    }));

  test("applied twice it is the same, and all of it is 0.16.18's own", () =>
    withLab(async (lab) => {
      expect((await lab.apply()).exitCode).toBe(0);
      const once = lab.registry.dump();
      expect((await lab.apply()).exitCode).toBe(0);
      expect(lab.registry.dump()).toBe(once);
    }));
});
