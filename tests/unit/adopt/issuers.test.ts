import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";

import { refusedWebsites } from "../../../ops/adopt/issuers";
import { wantedRecord } from "./fixtures";

const caa = (value: string, tag = "issue") => wantedRecord("@", "CAA", { data: { flags: 0, tag, value } });
const preview = (...wanted: readonly ReturnType<typeof caa>[]) => ({ wanted, kept: [], config: {} });

let website: Server;
const place = () => ({ host: "127.0.0.1", port: (website.address() as AddressInfo).port });

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "adopt-issuers-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-keyout", key, "-out", cert, "-subj", "/O=DigiCert Inc/CN=R1"];
  const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", ...subject];
  execFileSync("openssl", made, { stdio: "ignore" });
  website = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
  rmSync(folder, { recursive: true });
  await new Promise<void>((resolve) => website.listen(0, "127.0.0.1", resolve));
});
afterAll(() => website.close());

test("CAA records that would refuse the website's next certificate are in the way", async () => {
  const found = await refusedWebsites(preview(caa("letsencrypt.org"), caa("mailto:a@b.c", "iodef")), "prod", place);
  expect(found).toEqual([
    {
      label: "CAA example.org letsencrypt.org",
      why: expect.stringMatching(/example\.org and www\.example\.org was issued by "DigiCert Inc"/) as unknown,
      mend: "Add it: pulumi config set --path 'mail:caaIssuers[1]' digicert.com --stack prod",
    },
  ]);
});

test("those that name its authority are not, and neither is a program without any", async () => {
  expect(await refusedWebsites(preview(caa("letsencrypt.org"), caa("digicert.com")), "prod", place)).toEqual([]);
  expect(await refusedWebsites(preview(wantedRecord("_dmarc", "TXT", { content: '"x"' })), "prod", place)).toEqual([]);
});
