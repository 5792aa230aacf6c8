import { attempt } from "../../worker/src/attempt";
import type { Home, ImportResult } from "../../worker/src/attempt";
import { deliver } from "../../worker/src/deliver";
import type { Decision, Progress } from "../../worker/src/deliver";
import { createLedger, NO_LEDGER } from "../../worker/src/ledger";
import { deliveryHeaders, fingerprint, MAX_MESSAGE_BYTES } from "../../worker/src/message";
import { readMessage } from "../../worker/src/read";
import { TransientError } from "../../worker/src/transient";
import { streamOf, World } from "./model";

const RAW = Buffer.from("Message-ID: <1@x>\r\nSubject: x\r\n\r\nbody");
const CATCH_ALL = "me@example.org";

interface Case {
  readonly to?: string;
  readonly catchAll?: string;
  readonly rawSize?: number;
  readonly imported?: ImportResult;
}

/** Runs one delivery and tells, besides the decision, what happened at home. */
async function run({ to = "me@example.org", catchAll, rawSize = RAW.length, imported = "imported" }: Case) {
  const steps: string[] = [];
  const world = new World();
  const inner = world.actor().home;
  const home: Home = {
    ...inner,
    find: (addresses) => {
      steps.push(`find ${addresses.join(" ")}`);
      return inner.find(addresses);
    },
    import: async (order) => {
      steps.push(`import into ${order.accountId}/${order.mailboxId}`);
      await inner.import(order);
      return imported;
    },
  };
  const incoming = { from: "a@b", to, rawSize, raw: streamOf(RAW.subarray(0, 5), RAW.subarray(5)) };
  const surroundings = { home, ledger: NO_LEDGER, bucket: undefined, clock: world.clock };
  const decision = await deliver(incoming, { mailDomain: "example.org", catchAll }, surroundings, progress());
  return { decision, steps };
}

function progress(): Progress {
  return { key: undefined, steps: {} };
}

const DELIVERED: Decision = { kind: "delivered", ledgerWritten: false };
const IMPORTED = ["find me@example.org", "import into c/a"];

test.each<[what: string, given: Case, decision: Decision, steps: readonly string[]]>([
  ["a known address", {}, DELIVERED, IMPORTED],
  ["a message that is already there", { imported: "alreadyThere" }, DELIVERED, IMPORTED],
  [
    "an unknown address with a catch-all",
    { to: "x+y@example.org", catchAll: CATCH_ALL },
    DELIVERED,
    ["find x+y@example.org x@example.org me@example.org", "import into c/a"],
  ],
  [
    "an unknown address",
    { to: "x@example.org" },
    { kind: "refused", reason: "550 5.1.1 There is no such mailbox here." },
    ["find x@example.org"],
  ],
  [
    "another domain",
    { to: "me@example.net", catchAll: CATCH_ALL },
    { kind: "refused", reason: "550 5.1.2 This server does not receive mail for that domain." },
    [],
  ],
  [
    "a message over the limit",
    { rawSize: MAX_MESSAGE_BYTES + 1 },
    { kind: "refused", reason: "552 5.3.4 The message is larger than 25 MiB." },
    [],
  ],
  [
    "what is no message",
    { imported: "invalid" },
    { kind: "refused", reason: "554 5.6.0 The message is not a valid Internet message (RFC 5322)." },
    IMPORTED,
  ],
])("%s", async (_, given, decision, steps) => {
  expect(await run(given)).toEqual({ decision, steps });
});

test("a catch-all without account is trouble at home, not the sender's", async () => {
  await expect(run({ to: "x@example.org", catchAll: "gone@example.org" })).rejects.toThrow(
    "the catch-all address has no account",
  );
});

test.each([1, -1])("a message that is %d byte shorter than announced is not stored", async (bytes) => {
  await expect(run({ rawSize: RAW.length + bytes })).rejects.toThrow(/cut short|longer than/);
});

test("what was remembered and is wrong is asked for again, once", async () => {
  const world = new World();
  const inner = world.actor().home;
  let asked = 0;
  let isKnown = true;
  const home: Home = {
    ...inner,
    inbox: () => (asked++ === 0 ? Promise.reject(new TransientError("inbox: gone", "stale")) : Promise.resolve("a")),
    forget: () => isKnown,
  };
  const message = await readMessage(deliveryHeaders("a@b", CATCH_ALL), streamOf(RAW), RAW.length);
  const given = {
    message,
    print: await fingerprint(message),
    addresses: [CATCH_ALL],
    hasCatchAll: false,
    receivedAt: 0,
    home,
    ledger: createLedger(world.actor().bucket, world.clock),
    clock: world.clock,
    timed: () => undefined,
  };
  expect(await attempt(given)).toEqual({ kind: "delivered", ledgerWritten: true });
  expect([asked, world.mailbox.length]).toEqual([2, 1]);
  expect(await attempt(given)).toEqual({ kind: "duplicate" });
  asked = 0;
  isKnown = false;
  const other = { ...given, print: { content: "other" } };
  expect(await attempt(other)).toMatchObject({ kind: "failed", error: { message: "inbox: gone" } });
});
