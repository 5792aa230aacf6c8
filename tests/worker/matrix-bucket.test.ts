import type { BucketFault } from "../../sandbox/edge/harness";
import { copies, home, message, recover, send, spooled, useHome } from "./matrix";
import type { Told } from "./matrix";

/** Rows of the fault matrix (matrix.ts) about the bucket. */

useHome();

const all = (how: "before" | "after"): BucketFault[] =>
  (["put", "get", "head", "list", "delete"] as const).map((operation) => ({ operation, how, fail: 100 }));

describe("the bucket", () => {
  test.each<[what: string, faults: readonly BucketFault[], isHomeDown: boolean, told: Told, copies: number]>([
    ["fails altogether", all("before"), false, "accepted", 1],
    ["fails altogether, and home is down", all("before"), true, "deferred", 0],
    ["takes the claim and does not say so", [{ operation: "put", how: "after", fail: 1 }], false, "accepted", 1],
    ["does not say what was delivered", [{ operation: "head", how: "before", fail: 1 }], false, "accepted", 1],
    [
      "does not take that it was delivered",
      [{ operation: "put", how: "before", skip: 1, fail: 9 }],
      false,
      "accepted",
      1,
    ],
    [
      "does not take the message, and home is down",
      [{ operation: "put", fail: 1, prefix: "spool/" }],
      true,
      "deferred",
      0,
    ],
    [
      "takes the message and does not say so",
      [{ operation: "put", how: "after", fail: 1, prefix: "spool/" }],
      true,
      "deferred",
      1,
    ],
  ])("%s", async (_, faults, isHomeDown, told, expected) => {
    const raw = message();
    if (isHomeDown) await home.server.pause();
    for (const fault of faults) await home.worker.breakBucket(fault);
    expect(await send(raw)).toBe(told);
    await recover();
    expect(copies(raw)).toBe(expected);
    expect(await spooled()).toEqual([]);
    if (told !== "deferred") return;
    // The sender still has it, and tries again.
    expect(await send(raw)).toBe("accepted");
    expect(copies(raw)).toBe(1);
  });

  test.each<[what: string, fault: BucketFault]>([
    ["list", { operation: "list", fail: 1 }],
    ["get", { operation: "get", fail: 1, prefix: "spool/" }],
    ["delete", { operation: "delete", fail: 1, prefix: "spool/" }],
    ["delete, which was done", { operation: "delete", fail: 1, prefix: "spool/", how: "after" }],
    ["put of the claim", { operation: "put", fail: 1, prefix: "ledger/" }],
    ["head", { operation: "head", fail: 1 }],
  ])("fails in the drain on %s", async (_, fault) => {
    const raw = message();
    await home.server.pause();
    expect(await send(raw)).toBe("accepted");
    await home.server.resume();
    await home.worker.breakBucket(fault);
    await home.drain();
    await recover();
    expect(copies(raw)).toBe(1);
    expect(await spooled()).toEqual([]);
  });
});
