import { CLAIM_MS } from "../../worker/src/budgets";
import { createLedger } from "../../worker/src/ledger";
import type { Claim, Ledger } from "../../worker/src/ledger";
import { counted } from "../../worker/src/usage";
import { World } from "./model";

const BY_JMAP = ["address", "account"];
const BY_LMTP = ["address"];
const COPY = { trace: "a".repeat(32), since: 1 };
const OTHER = { trace: "b".repeat(32), since: 2 };

let world: World;
let ledger: Ledger;
let operations: () => number;

beforeEach(() => {
  world = new World();
  const { bucket, ...usage } = counted(() => Promise.reject(new Error("no requests")), world.actor().bucket);
  ledger = createLedger(bucket, world.clock);
  operations = usage.operations;
});

async function deliver(keys: readonly string[]): Promise<Claim> {
  const claim = await ledger.claim(keys, COPY);
  expect(await ledger.complete(keys, claim)).toBe(true);
  return claim;
}

test.each([
  ["jmap", BY_JMAP, 3],
  ["lmtp", BY_LMTP, 2],
] as const)(
  "a new message by %s costs one operation for each key and one for the delivery",
  async (_, keys, expected) => {
    expect(await deliver(keys)).toMatchObject({ kind: "mine", earlier: undefined });
    expect(operations()).toBe(expected);
  },
);

describe.each([
  ["jmap", "jmap", BY_JMAP, BY_JMAP],
  ["jmap", "lmtp", BY_JMAP, BY_LMTP],
  ["lmtp", "jmap", BY_LMTP, BY_JMAP],
  ["lmtp", "lmtp", BY_LMTP, BY_LMTP],
] as const)("what came by %s and again by %s", (_from, _to, first, second) => {
  test("was delivered", async () => {
    await deliver(first);
    for (let count = 0; count < 2; count++) {
      expect(await ledger.claim(second, OTHER)).toEqual({ kind: "delivered" });
      world.now += CLAIM_MS + 1;
    }
  });

  test("is busy while the claim lasts; then the earlier copy is named", async () => {
    await ledger.claim(first, COPY);
    expect(await ledger.claim(second, OTHER)).toEqual({ kind: "busy" });
    world.now += CLAIM_MS;
    expect(await ledger.claim(second, OTHER)).toMatchObject({
      kind: "mine",
      earlier: { traces: [COPY.trace], since: COPY.since },
    });
  });

  test("is free at once when the claim was given back, and no earlier copy is named", async () => {
    await ledger.release(await ledger.claim(first, COPY));
    expect(await ledger.claim(second, OTHER)).toMatchObject({ kind: "mine", earlier: undefined });
  });

  test("an earlier copy is not forgotten by an attempt that certainly failed", async () => {
    await ledger.claim(first, COPY);
    world.now += CLAIM_MS;
    await ledger.release(await ledger.claim(second, OTHER));
    world.now += 1;
    expect(await ledger.claim(second, OTHER)).toMatchObject({
      kind: "mine",
      earlier: { traces: [COPY.trace], since: COPY.since },
    });
  });

  test("of several attempts that ended without a word each copy is named, and the earliest receipt", async () => {
    await ledger.claim(first, OTHER);
    world.now += CLAIM_MS;
    await ledger.claim(second, COPY);
    world.now += CLAIM_MS;
    const third = await ledger.claim(first, { trace: "c".repeat(32), since: 3 });
    expect(third).toMatchObject({ kind: "mine", earlier: { traces: [COPY.trace, OTHER.trace], since: COPY.since } });
  });
});

test("another address of an account finds what the first one delivered", async () => {
  await deliver(BY_JMAP);
  expect(await ledger.claim(["another address", "account"], OTHER)).toEqual({ kind: "delivered" });
});

test("while somebody has the account by another address, a message is busy for both ways", async () => {
  const other = await ledger.claim(["another address", "account"], COPY);
  expect(await ledger.claim(BY_JMAP, OTHER)).toEqual({ kind: "busy" });
  expect(await ledger.claim(BY_LMTP, OTHER)).toEqual({ kind: "busy" });
  await ledger.release(other);
  expect(await ledger.claim(BY_JMAP, OTHER)).toMatchObject({ kind: "mine" });
});

test("while LMTP has the address, the account is not kept from others", async () => {
  await ledger.claim(BY_LMTP, COPY);
  expect(await ledger.claim(BY_JMAP, OTHER)).toEqual({ kind: "busy" });
  expect(await ledger.claim(["another address", "account"], OTHER)).toMatchObject({ kind: "mine" });
});

test("of attempts at once one imports, whichever way, and at whatever address", async () => {
  const ways = [BY_JMAP, BY_JMAP, ["another address", "account"], BY_JMAP];
  const claims = await Promise.all(ways.map((keys) => ledger.claim(keys, COPY)));
  expect(claims.filter(({ kind }) => kind === "mine")).toHaveLength(1);
  expect(claims.filter(({ kind }) => kind === "busy")).toHaveLength(ways.length - 1);
});

test("a claim that was given back still says where the delivery is written down", async () => {
  const first = await ledger.claim(BY_JMAP, COPY);
  await ledger.release(first);
  const again = await ledger.claim(["another address", "account"], OTHER);
  await ledger.complete(["another address", "account"], again);
  expect(await ledger.claim(BY_LMTP, COPY)).toEqual({ kind: "delivered" });
});

test.each([
  ["jmap", BY_JMAP],
  ["lmtp", BY_LMTP],
] as const)("by %s: what was imported without a claim is found later", async (_, keys) => {
  const silent = createLedger(
    world.actor((subject) => (subject.endsWith(".claim") ? "before" : "ok")).bucket,
    world.clock,
  );
  const claim = await silent.claim(keys, COPY);
  expect(claim).toEqual({ kind: "unavailable" });
  expect(await ledger.complete(keys, claim)).toBe(true);
  expect(await silent.claim(keys, COPY)).toEqual({ kind: "delivered" });
  expect(await ledger.claim(keys, OTHER)).toEqual({ kind: "delivered" });
});

test.each(["", "null", "[]", '{"until":"x"}', '{"until":5,"traces":[5]}', '{"until":5,"traces":"x","since":1}'])(
  "a claim that reads %j is taken over",
  async (text) => {
    world.put("ledger/address.claim", text);
    expect(await ledger.claim(BY_LMTP, COPY)).toMatchObject({ kind: "mine", earlier: undefined });
  },
);
