import { XMLParser, XMLValidator } from "fast-xml-parser";

import { bundleWorker } from "../../infra/edge/bundle";
import { type FetchAnswer, runEmailWorker } from "../../sandbox/edge/worker-runtime";
import type { RunningWorker } from "../../sandbox/edge/worker-runtime";
import type { PublicEnv } from "../../worker/src/public-env";

export const DOMAIN = "example.org";
export const SERVER = "mail.example.org";
export const BINDINGS: PublicEnv = {
  MAIL_DOMAIN: DOMAIN,
  SERVER_HOSTNAME: SERVER,
  CLIENTS_HOSTNAME: SERVER,
  SERVICES: "jmap,caldavs,carddavs,imaps,submissions,submission",
  DISPLAY_NAME: 'Tom & "Jerry" <mail>',
};
export const OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
export const MOBILE = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006";
export const DISCOVER = `https://autodiscover.${DOMAIN}/autodiscover/autodiscover.xml`;
export const CONFIG = `https://autoconfig.${DOMAIN}/mail/config-v1.1.xml`;

const started: RunningWorker[] = [];
/** What the Workers asked of the internet: nothing, ever. */
const outbound: string[] = [];

export function start(changes: Partial<PublicEnv> = {}, without?: keyof PublicEnv): RunningWorker {
  const bindings = Object.entries({ ...BINDINGS, ...changes }).filter(([name]) => name !== without);
  const worker = runEmailWorker({
    script: bundleWorker("public"),
    bindings: bindings.map(([name, text]) => ({ type: "plain_text", name, text })),
    compatibilityDate: "2026-06-01",
    outbound: (request) => {
      outbound.push(request.url);
      return Promise.reject(new Error("home is down"));
    },
  });
  started.push(worker);
  return worker;
}

export const worker = start();
afterEach(() => expect(outbound).toEqual([]));
afterAll(() => Promise.all(started.map((one) => one.dispose())));

/** As parsed by somebody else's parser, after its own check that it is well-formed. */
export function parsed(answer: FetchAnswer): unknown {
  const text = answer.body.toString();
  expect(XMLValidator.validate(text)).toBe(true);
  expect(answer.headers.get("content-type")).toBe("application/xml; charset=utf-8");
  return new XMLParser({ ignoreAttributes: false, ignoreDeclaration: true, htmlEntities: true }).parse(text);
}

export function request(address: string, schema = OUTLOOK): string {
  return (
    '<?xml version="1.0" encoding="utf-8"?>\r\n' +
    '<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">' +
    `<Request><EMailAddress>${address}</EMailAddress>` +
    `<AcceptableResponseSchema>${schema}</AcceptableResponseSchema></Request></Autodiscover>`
  );
}

export function post(body: string | Buffer, url = DISCOVER, to = worker): Promise<FetchAnswer> {
  return to.fetch(url, { method: "POST", body, headers: { "content-type": "text/xml; charset=utf-8" } });
}

/** The error form: its code and message, and nothing that was asked. */
export function errorOf(answer: FetchAnswer): string {
  const error: unknown = expect.objectContaining({
    "@_Time": expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{7}$/) as string,
    "@_Id": "1",
    ErrorCode: expect.any(Number) as number,
    Message: expect.any(String) as string,
    DebugData: "",
  });
  expect(answer.status).toBe(200);
  expect(parsed(answer)).toEqual({
    Autodiscover: {
      "@_xmlns": "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006",
      Response: { Error: error },
    },
  });
  const [, code = ""] = /<ErrorCode>(\d+)</.exec(answer.body.toString()) ?? [];
  return code;
}

export function loginNames(answer: FetchAnswer): string[] {
  return [...answer.body.toString().matchAll(/<LoginName>(.*?)<\/LoginName>/g)].map(([, name = ""]) => name);
}
