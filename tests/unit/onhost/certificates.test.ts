import { execFileSync } from "node:child_process";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:tls";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { fromAcme, leafFor } from "../../../onhost/src/acme";
import { updateCertificates } from "../../../onhost/src/certificates";
import { FILES } from "../../../onhost/src/deployment";
import { selfSigned, type CertificatePair } from "../../../onhost/src/self-signed";
import { openLab, type Lab } from "./lab";

const NAME = "stalwart.example.test";
const NOW = new Date("2026-11-22T12:00:00Z");
const YEARS_MS = 3 * 366 * 86_400_000;

/** Traefik's file, as 3.6 writes it. */
function acme(...pairs: readonly CertificatePair[]): string {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const Certificates = pairs.map(({ chain, key }) => ({
    domain: { main: NAME },
    certificate: base64(chain),
    key: base64(key),
    Store: "default",
  }));
  return JSON.stringify({ letsencrypt: { Account: { Email: "", Registration: {} }, Certificates } });
}

describe("the self-signed certificate", () => {
  const pair = selfSigned(NAME, NOW);

  test("is for the name, not yet expired, and belongs to its key", () => {
    expect(leafFor(NAME, pair)).toBeDefined();
    expect(leafFor("other.example.test", pair)).toBeUndefined();
    expect(leafFor(NAME, { ...pair, key: selfSigned(NAME, NOW).key })).toBeUndefined();
    const leaf = new X509Certificate(pair.chain);
    expect(leaf.subjectAltName).toBe(`DNS:${NAME}`);
    expect(leaf.verify(leaf.publicKey)).toBe(true);
    expect(leaf.validFromDate.toISOString()).toBe("2026-11-21T12:00:00.000Z");
    expect(leaf.serialNumber).not.toBe(new X509Certificate(selfSigned(NAME, NOW).chain).serialNumber);
  });

  test("openssl reads it and finds it right", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "certificate-"));
    try {
      const file = path.join(folder, "chain.pem");
      writeFileSync(file, selfSigned(NAME, new Date()).chain);
      const openssl = (...args: string[]) => execFileSync("openssl", args, { encoding: "utf8" });
      expect(openssl("verify", "-x509_strict", "-check_ss_sig", "-CAfile", file, file)).toContain("OK");
      expect(openssl("x509", "-in", file, "-noout", "-text")).toContain("Version: 3 (0x2)");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a TLS client that trusts it connects", async () => {
    const { chain, key } = selfSigned(NAME, new Date());
    const server = createServer({ cert: chain, key }, (socket) => socket.end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      await new Promise<void>((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port, servername: NAME, ca: chain }, () => {
          socket.end();
          resolve();
        });
        socket.on("error", reject);
      });
    } finally {
      server.close();
    }
  });

  test("works for a long name and for a date in UTCTime's next century", () => {
    const long = `${"a".repeat(63)}.${"b".repeat(63)}.example.test`;
    expect(leafFor(long, selfSigned(long, new Date("2051-01-01T00:00:00Z")))?.validToDate.getUTCFullYear()).toBe(2053);
  });
});

test.each([
  ["an empty file", ""],
  ["half a file", acme(selfSigned(NAME, NOW)).slice(0, 300)],
  ["a file without certificates", '{"letsencrypt":{"Account":{},"Certificates":null}}'],
  ["a list", "[]"],
  ["a certificate for another name", acme(selfSigned("other.example.test", NOW))],
  ["an expired certificate", acme(selfSigned(NAME, new Date(NOW.getTime() - YEARS_MS)))],
  ["a key of another", acme({ ...selfSigned(NAME, NOW), key: ecKey() })],
])("%s of Traefik gives no certificate", (_what, text) => {
  expect(fromAcme(text, NAME, NOW)).toBeUndefined();
});

test("of several certificates the one that is valid longest is taken", () => {
  const older = selfSigned(NAME, new Date(NOW.getTime() - 86_400_000));
  const newer = selfSigned(NAME, NOW);
  expect(fromAcme(acme(older, newer, older), NAME, NOW)).toEqual(newer);
});

describe("on the host", () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab.close());

  const files = () => ({
    acme: lab.file(FILES.acme),
    chain: lab.file(FILES.certificate),
    key: lab.file(FILES.certificateKey),
  });
  const present = () => ({ chain: lab.read(FILES.certificate), key: lab.read(FILES.certificateKey) });

  test("a self-signed one first, Traefik's as soon as there is one; nothing is written without need", () => {
    expect(updateCertificates(NAME, files(), NOW)).toBe(true);
    expect(leafFor(NAME, present())).toBeDefined();
    expect(statSync(lab.file(FILES.certificateKey)).mode & 0o777).toBe(0o600);
    expect(updateCertificates(NAME, files(), NOW)).toBe(false);

    const real = selfSigned(NAME, NOW);
    lab.write(FILES.acme, acme(real));
    expect(updateCertificates(NAME, files(), NOW)).toBe(true);
    expect(present()).toEqual(real);
    expect(updateCertificates(NAME, files(), NOW)).toBe(false);
  });

  test("Traefik's certificate stays while its file is gone or half written, and goes when it has expired", () => {
    const real = selfSigned(NAME, NOW);
    lab.write(FILES.acme, acme(real));
    updateCertificates(NAME, files(), NOW);
    lab.write(FILES.acme, acme(real).slice(0, 100));
    expect(updateCertificates(NAME, files(), NOW)).toBe(false);
    const later = new Date(NOW.getTime() + YEARS_MS);
    expect(updateCertificates(NAME, files(), later)).toBe(true);
    expect(new X509Certificate(present().chain).validToDate.getTime()).toBeGreaterThan(later.getTime());
  });

  test("killed between the two files: the next run mends the pair", () => {
    updateCertificates(NAME, files(), NOW);
    lab.write(FILES.certificateKey, selfSigned(NAME, NOW).key);
    expect(updateCertificates(NAME, files(), NOW)).toBe(true);
    expect(leafFor(NAME, present())).toBeDefined();
  });

  test("before Stalwart runs the command makes the files and is content", async () => {
    await lab.server.pause();
    expect(await lab.onhost("certificates")).toEqual({
      code: 0,
      out: "",
      err: "Stalwart's certificate files are new.\n",
    });
    expect(readFileSync(lab.file(FILES.certificate), "utf8")).toContain("BEGIN CERTIFICATE");
  });
});

function ecKey(): string {
  return generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem" })
    .toString();
}
