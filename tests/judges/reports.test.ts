import { createTransport } from "nodemailer";
import { run } from "../../ops/reports";
import { gzipped, multipartMail, sample, soleMail, zipped } from "../unit/reports/mails";
import { BUDGET_MS, createAccounts, describeCyrus } from "./cyrus/judge";
import { type Cyrus, PASSWORD, ROOT, startCyrus } from "./cyrus/server";

/** Cyrus stamps what it takes with its own clock; the samples are older than that. */
const SINCE = ["--since", "1d"] as const;

describeCyrus("npm run reports against Cyrus' JMAP", () => {
  let cyrus: Cyrus;

  beforeAll(async () => {
    cyrus = await startCyrus();
    await createAccounts(cyrus);
    const transport = createTransport({ host: "127.0.0.1", port: cyrus.lmtpPort, lmtp: true, ignoreTLS: true });
    const send = (raw: Buffer) =>
      transport.sendMail({ envelope: { from: "reporter@receiver.example", to: ROOT }, raw });
    const type = "application/zip";
    await send(soleMail({ type, filename: "g.zip", content: zipped(["g.xml", sample("google.xml")]) }));
    const tls = gzipped(sample("tls.json"));
    await send(multipartMail({ type: "application/tlsrpt+gzip", filename: "t.json.gz", content: tls }));
    await send(soleMail({ to: ROOT, subject: "photos", type, filename: "photos.zip", content: Buffer.from("x") }));
    transport.close();
  }, BUDGET_MS);
  afterAll(() => cyrus.close());

  it(
    "finds the two reports among the mail and reads them",
    async () => {
      const environment = {
        MAIL_PASSWORD: PASSWORD,
        MAIL_USER: ROOT,
        MAIL_JMAP_URL: `http://127.0.0.1:${cyrus.jmapPort}`,
      };
      const { code, stdout = "", stderr } = await run(["prod", "--json", ...SINCE], environment);
      expect({ code, stderr }).toEqual({ code: 0, stderr: undefined });
      expect(JSON.parse(stdout)).toMatchObject({ dmarcReports: 1, tlsReports: 1, messages: 45, unread: [] });
      expect(await run(["prod"], { ...environment, MAIL_PASSWORD: "wrong" })).toMatchObject({ code: 1 });
    },
    BUDGET_MS,
  );
});
