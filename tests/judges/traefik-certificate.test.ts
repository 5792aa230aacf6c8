/**
 * The certificate's way, with Pebble for Let's Encrypt and a stand-in for Cloudflare's API: Traefik proves by DNS-01 that the
 * name is ours, and `onhost certificates` takes the certificate out of Traefik's storage. Not proven here: that Cloudflare
 * lets the real token write, and that its name servers show the record in time.
 */
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { updateCertificates } from "../../onhost/src/certificates";
import { describeTool } from "../tools";
import { isBuilt } from "../../tools/go-tool";
import { type Authority, startAuthority } from "./traefik/authority";
import { dial, secured, until } from "./traefik/client";
import { type Deployment, DOMAIN, newPlaces, SECRETS, SERVER, startDeployment } from "./traefik/deployment";
import { type DnsApi, dnsApi } from "./traefik/dns-api";
import { type NameServer, nameServer } from "./traefik/name-server";

const BUDGET_MS = 120_000;
/** The server's own name, and the one that laptops ask for by the tunnel. */
const NAMES = [SERVER, `imap.${DOMAIN}`];
const CHALLENGES = NAMES.map((name) => `_acme-challenge.${name}`);

const describeBoth = isBuilt("pebble") ? describeTool("traefik") : describeTool("pebble");

describeBoth("Traefik's certificate", () => {
  const places = newPlaces();
  let api: DnsApi;
  let names: NameServer;
  let authority: Authority;
  let deployment: Deployment;

  beforeAll(async () => {
    api = await dnsApi(DOMAIN, SECRETS.acmeDnsToken);
    names = await nameServer(DOMAIN, api.texts);
    authority = await startAuthority(names.address);
    deployment = await startDeployment(places, {
      issuer: { directory: authority.directory, resolver: names.address },
      environment: { CLOUDFLARE_BASE_URL: api.url, LEGO_CA_CERTIFICATES: authority.trust },
    });
  }, BUDGET_MS);

  afterAll(async () => {
    await deployment.close();
    await authority.close();
    await names.close();
    await api.close();
  }, BUDGET_MS);

  const websecure = async () => {
    const socket = await secured(await dial(places.entryPoint("websecure"), places.phone), SERVER);
    const certificate = socket.getPeerX509Certificate();
    socket.destroy();
    if (certificate === undefined) throw new Error("there is no certificate");
    return certificate;
  };

  it(
    "comes by a TXT record that the shipped token writes, and that is gone afterwards",
    async () => {
      const certificate = await until(websecure);
      expect(certificate.subjectAltName).toBe(NAMES.map((name) => `DNS:${name}`).join(", "));
      expect(certificate.issuer).toMatch(/Pebble/);
      expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: "prime256v1" });
      const requests = CHALLENGES.flatMap((name) => [`POST TXT ${name}`, `DELETE TXT ${name}`]);
      expect([...api.requests].sort()).toEqual(requests.sort());
      expect(CHALLENGES.flatMap((name) => api.texts(name))).toEqual([]);
    },
    BUDGET_MS,
  );

  it("lies in a file that nobody else reads, from which onhost hands it on to Stalwart", async () => {
    const acme = join(deployment.folder, "traefik", "acme", "acme.json");
    expect(statSync(acme).mode & 0o777).toBe(0o600);
    const files = {
      acme,
      chain: join(deployment.folder, "stalwart", "tls", "fullchain.pem"),
      key: join(deployment.folder, "stalwart", "tls", "privkey.pem"),
    };
    expect(updateCertificates(SERVER, files, new Date())).toBe(true);
    const handed = new X509Certificate(readFileSync(files.chain));
    expect(handed.fingerprint256).toBe((await websecure()).fingerprint256);
    expect(statSync(files.key).mode & 0o777).toBe(0o600);
    expect(updateCertificates(SERVER, files, new Date())).toBe(false);
  });

  it("leaves the token out of the log", () => {
    expect(deployment.traefik.log()).not.toContain(SECRETS.acmeDnsToken);
  });
});
