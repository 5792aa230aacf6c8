import { deliver, MAX_MESSAGE_BYTES } from "../../worker/src/deliver";
import type { Account, Decision, ImportResult, Mailbox } from "../../worker/src/deliver";

const MESSAGE = new TextEncoder().encode("Subject: x\r\n\r\nbody").buffer;
const RECIPIENTS = { mailDomain: "example.org", catchAll: undefined };

interface Case {
  readonly to?: string;
  readonly catchAll?: string;
  readonly rawSize?: number;
  readonly accounts?: Readonly<Record<string, string>>;
  readonly imported?: ImportResult;
}

/** Runs one delivery and tells, besides the decision, what happened at home. */
async function run({
  to = "me@example.org",
  catchAll,
  rawSize = MESSAGE.byteLength,
  accounts = { "me@example.org": "c" },
  imported = "imported",
}: Case): Promise<{ decision: Decision; steps: string[] }> {
  const steps: string[] = [];
  const mailbox: Mailbox = {
    find: (addresses) => {
      steps.push(`find ${addresses.join(" ")}`);
      const id = addresses.map((address) => accounts[address]).find((account) => account !== undefined);
      return Promise.resolve<Account | undefined>(id === undefined ? undefined : { id });
    },
    upload: (message) => {
      expect(message).toBe(MESSAGE);
      steps.push("upload");
      return Promise.resolve({ blobId: "b" });
    },
    import: ({ blobId }, { id }) => {
      steps.push(`import ${blobId} into ${id}`);
      return Promise.resolve(imported);
    },
  };
  const incoming = { from: "", to, rawSize, read: () => Promise.resolve(MESSAGE) };
  return { decision: await deliver(incoming, { ...RECIPIENTS, catchAll }, mailbox), steps };
}

const IMPORTED = ["find me@example.org", "upload", "import b into c"];

test.each<[what: string, given: Case, decision: Decision, steps: readonly string[]]>([
  ["a known address", {}, { kind: "delivered" }, IMPORTED],
  ["a message that is already there", { imported: "alreadyThere" }, { kind: "delivered" }, IMPORTED],
  [
    "an unknown address with a catch-all",
    { to: "x+y@example.org", catchAll: "me@example.org" },
    { kind: "delivered" },
    ["find x+y@example.org x@example.org me@example.org", "upload", "import b into c"],
  ],
  [
    "an unknown address",
    { to: "x@example.org" },
    { kind: "refused", reason: "550 5.1.1 There is no such mailbox here." },
    ["find x@example.org"],
  ],
  [
    "another domain",
    { to: "me@example.net", catchAll: "me@example.org" },
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

test("a body that is shorter than announced is not stored", async () => {
  await expect(run({ rawSize: MESSAGE.byteLength + 1 })).rejects.toThrow("cut short");
});

test("a failure at home is passed on", async () => {
  const fail = () => Promise.reject(new Error("down"));
  const mailbox: Mailbox = { find: fail, upload: fail, import: fail };
  const incoming = { from: "", to: "me@example.org", rawSize: 1, read: () => Promise.resolve(MESSAGE) };
  await expect(deliver(incoming, RECIPIENTS, mailbox)).rejects.toThrow("down");
});
