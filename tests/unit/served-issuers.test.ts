import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createTcpServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";

import { refusedIssuers, type ServedIssuer, servedIssuers } from "../../infra/served-issuers";
import { caaIdentifier } from "../../infra/settings/authorities";

const BUDGET_MS = 500;
const servers: Server[] = [];
const folder = mkdtempSync(join(tmpdir(), "served-issuers-"));
afterEach(() => servers.splice(0).forEach((server) => server.close()));
afterAll(() => rmSync(folder, { recursive: true }));

function listening(server: Server): Promise<number> {
  servers.push(server);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)));
}

/** A website whose certificate this organisation issued; nobody trusts it, and it has run out of names. */
function website(organisation: string): Promise<number> {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
      ...["-keyout", key, "-out", cert, "-subj", `/O=${organisation}/CN=R1`],
    ],
    { stdio: "ignore" },
  );
  return listening(createServer({ key: readFileSync(key), cert: readFileSync(cert) }));
}

/** The domain's website at the first port and that at www at the second. */
const at =
  (apex: number, www: number) =>
  (hostname: string): { host: string; port: number } => ({
    host: "127.0.0.1",
    port: hostname.startsWith("www.") ? www : apex,
  });

test("the issuer of each website's certificate, without a question of trust", async () => {
  const [apex, www] = [await website("Sectigo Limited"), await website("A Small Authority")];
  expect(await servedIssuers("example.org", at(apex, www))).toEqual([
    { hostname: "example.org", organisation: "Sectigo Limited", identifier: "sectigo.com" },
    { hostname: "www.example.org", organisation: "A Small Authority", identifier: undefined },
  ]);
});

test("a website that is not there, speaks no TLS or says nothing is left out, in bounded time", async () => {
  const silent = await listening(createTcpServer());
  const plain = await listening(createTcpServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
  const gone = await listening(createTcpServer());
  servers.pop()?.close();
  const started = performance.now();
  expect(await servedIssuers("example.org", at(silent, plain), BUDGET_MS)).toEqual([]);
  expect(await servedIssuers("example.org", at(gone, gone), BUDGET_MS)).toEqual([]);
  expect(performance.now() - started).toBeLessThan(10 * BUDGET_MS);
});

test.each([
  ["Let's Encrypt", "letsencrypt.org"],
  ["Google Trust Services", "pki.goog"],
  ["Google Trust Services LLC", "pki.goog"],
  ["SSL Corporation", "ssl.com"],
  ["CLOUDFLARE, INC.", "ssl.com"],
  ["DigiCert Inc", "digicert.com"],
  ["ZeroSSL", "sectigo.com"],
  ["Amazon", "amazon.com"],
  ["GoDaddy.com, Inc.", "godaddy.com"],
  ["GlobalSign nv-sa", "globalsign.com"],
  ["Amazonas Hosting", undefined],
  ["Not DigiCert", undefined],
  ["", undefined],
])("%s is %s in CAA records", (organisation, identifier) => {
  expect(caaIdentifier(organisation)).toBe(identifier);
});

describe("what CAA records do to the websites", () => {
  const served = (hostname: string, organisation: string): ServedIssuer => ({
    ...{ hostname, organisation, identifier: caaIdentifier(organisation) },
  });
  const both = [served("example.org", "DigiCert Inc"), served("www.example.org", "DigiCert Inc")];

  test("without a record nothing is refused", () => expect(refusedIssuers([], both, "prod")).toEqual([]));

  test("an authority that is named is fine", () => {
    expect(refusedIssuers(["letsencrypt.org", "digicert.com"], both, "prod")).toEqual([]);
  });

  test("one that is not named is told once, with the command that adds it", () => {
    const [told, ...more] = refusedIssuers(["letsencrypt.org", "pki.goog"], both, "prod");
    expect(more).toEqual([]);
    expect(told?.fact).toMatch(
      /of example\.org and www\.example\.org was issued by "DigiCert Inc".*expire weeks later/,
    );
    expect(told?.next).toContain("pulumi config set --path 'mail:caaIssuers[2]' digicert.com --stack prod");
  });

  test("one that nobody knows here is told too, and text from outside does not steer the terminal", () => {
    const [told] = refusedIssuers(["letsencrypt.org"], [served("www.example.org", "Evil\u001b[2J\u009b")], "prod");
    expect(told?.fact).toContain('"Evil\\u{1b}[2J\\u{9b}"');
    expect(told?.next).toContain("The authority's documentation says which name CAA records use for it");
  });
});
