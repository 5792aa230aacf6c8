import type { AddressInfo } from "node:net";

import { SMTPServer } from "smtp-server";

import { PASSWORD, ROOT } from "../cyrus/server";

export interface Submission {
  readonly port: number;
  readonly close: () => Promise<void>;
}

export interface SubmissionOptions {
  readonly certificate: { readonly chain: string; readonly key: string };
  /** Without it there is STARTTLS. */
  readonly implicitTls: boolean;
  /** Takes each message. */
  readonly onMail: (text: string) => void;
}

/** A submission server on loopback that knows one user. */
export async function startSubmission({ certificate, implicitTls, onMail }: SubmissionOptions): Promise<Submission> {
  const smtp = new SMTPServer({
    secure: implicitTls,
    cert: certificate.chain,
    key: certificate.key,
    onAuth: ({ username, password }, _session, done) =>
      username === ROOT && password === PASSWORD ? done(null, { user: ROOT }) : done(new Error("wrong password")),
    onData: (stream, _session, done) => {
      let text = "";
      stream.setEncoding("utf8").on("data", (part: string) => (text += part));
      stream.on("end", () => {
        onMail(text);
        done();
      });
    },
  });
  smtp.on("error", () => undefined);
  const port = await new Promise<number>((resolve) => {
    const listener = smtp.listen(0, "127.0.0.1", () => resolve((listener.address() as AddressInfo).port));
  });
  return { port, close: () => new Promise((done) => smtp.close(() => done())) };
}
