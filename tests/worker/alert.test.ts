import { alertText } from "../../worker/src/alert";
import { ALERTS, bindings, DOMAIN, SPOOL, startHome } from "./home";
import type { Fault, Home } from "./home";

const TO = `root@${DOMAIN}`;
const RAW = Buffer.from("Message-ID: <1@x>\r\nSubject: private\r\n\r\nbody\r\n");
const MINUTE_MS = 60_000;

let home: Home;
let sent: number;
let status: number;

beforeEach(async () => {
  home = await startHome([...bindings({ ALERT_URL: `${ALERTS}/topic`, ALERT_AFTER_MINUTES: "30" }), SPOOL]);
  sent = 0;
  status = 200;
  await home.server.pause();
  expect(await home.deliver(TO, RAW)).toMatchObject({ outcome: "ok" });
});

afterEach(() => home.close());

const answering: Fault = async (step, pass) => {
  if (step !== "alert") return await pass();
  sent++;
  return await Promise.resolve(new Response("", { status }));
};

/** A run of the drain after a while: what it says about the alert. */
async function runAfter(minutes: number): Promise<unknown> {
  await home.worker.advance(minutes * MINUTE_MS);
  const { outcome, logs } = await home.drain(answering);
  expect(outcome).toBe("ok");
  expect(logs.length).toBe(1);
  expect(logs.join()).not.toContain(DOMAIN);
  return (JSON.parse(logs[0] ?? "") as { alert: unknown }).alert;
}

test("is sent when mail gets old, at most once an hour, and not once it was delivered", async () => {
  expect(await runAfter(29)).toBe("not needed");
  expect(await runAfter(2)).toBe("sent");
  expect(await runAfter(58)).toBe("sent already");
  expect(await runAfter(3)).toBe("sent");
  expect(sent).toBe(2);
  await home.server.resume();
  // It goes out before the run begins with a message, at which the platform might end it.
  expect(await runAfter(61)).toBe("sent");
  expect(home.server.mailbox(TO).length).toBe(1);
  expect(await runAfter(61)).toBe("not needed");
  expect(sent).toBe(3);
});

test("one that fails changes nothing for the mail", async () => {
  status = 500;
  expect(await runAfter(31)).toBe("failed");
  await home.server.resume();
  expect(await runAfter(1)).toBe("sent already");
  expect(await runAfter(61)).toBe("not needed");
  expect(home.server.mailbox(TO).length).toBe(1);
});

test("says how much and how long, in plain words", () => {
  const backlog = { waiting: 1, bytes: 1_500, oldestSeconds: 3_601, isExcerpt: false };
  const text =
    "Mail is waiting at the edge: 1 message, 2 kB, the oldest for 60 minutes. " +
    "Nothing is lost; it is delivered when home answers again.";
  expect(alertText(backlog)).toBe(text);
  expect(alertText(backlog, { count: 1, isExcerpt: false })).toBe(
    `${text} Besides, 1 message cannot be delivered and is kept for 90 days: npm run spool -- STACK list`,
  );
  expect(alertText({ ...backlog, waiting: 2 })).toContain(": 2 messages");
});

test("says that it counted a part", () => {
  const backlog = { waiting: 1_000, bytes: 1_000_000, oldestSeconds: 60, isExcerpt: true };
  const text = alertText(backlog, { count: 1_000, isExcerpt: true });
  expect(text).toContain(": at least 1000 messages, 1000 kB, the oldest for 1 minutes.");
  expect(text).toContain("at least 1000 messages cannot be delivered and are kept for 90 days");
});
