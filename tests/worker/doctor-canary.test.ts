import { createTransport } from "nodemailer";

import type { Area } from "../../ops/doctor/check";
import { faultsOf, type Inside, startInside } from "../doctor/inside";

const START_MS = 120_000;
const CANARY: ReadonlySet<Area> = new Set<Area>(["canary"]);

let inside: Inside;
beforeAll(async () => {
  inside = await startInside();
}, START_MS);
afterAll(() => inside.close());
afterEach(() => (inside.resend = undefined));

/** Resend's API in front of the sandbox's MX. */
async function relayed(init: RequestInit): Promise<Response> {
  const { from, to, subject, text } = JSON.parse(typeof init.body === "string" ? init.body : "{}") as Record<
    string,
    string
  >;
  const transport = createTransport({ host: "127.0.0.1", port: inside.outside.mx.port, ignoreTLS: true });
  await transport.sendMail({ from: from ?? "", to: to ?? "", subject: subject ?? "", text: text ?? "" });
  transport.close();
  return Response.json({ id: "1" });
}

test("the mail goes the whole way and is found", async () => {
  inside.resend = relayed;
  const results = await inside.look(CANARY);
  expect(results.map(({ check, finding }) => [check.id, finding.status])).toEqual([
    ["canary.sent", "ok"],
    ["canary.arrived", "ok"],
  ]);
});

test("a key that Resend refuses is the one error", async () => {
  inside.resend = () => Promise.resolve(new Response(null, { status: 401 }));
  const [fault, ...more] = faultsOf(await inside.look(CANARY));
  expect(more).toEqual([]);
  expect(fault).toMatchObject({ id: "canary.sent", status: "error", current: "HTTP 401 of Resend" });
  expect(fault?.remedy).toMatch(/rotate -- resend-key prod$/);
});

test("a mail that Resend takes and that never comes", async () => {
  inside.resend = () => Promise.resolve(Response.json({ id: "1" }));
  const [fault, ...more] = faultsOf(await inside.look(CANARY));
  expect(more).toEqual([]);
  expect(fault).toMatchObject({ id: "canary.arrived", status: "error", current: "not there" });
  expect(fault?.remedy).toMatch(/^npm run spool -- prod list/);
}, 120_000);
