import { readMessage } from "../../worker/src/read";
import { byteStreamOf, streamOf } from "./model";

const HEAD = Buffer.from("Return-Path: <>\r\n");
const PIECES = [Buffer.from("Subject: x\r\n"), Buffer.from("\r\n"), Buffer.from("a\0b\xff", "latin1")];
const RAW = Buffer.concat(PIECES);

const gone = (controller: { error: (reason: Error) => void }) => controller.error(new Error("gone"));

describe.each([
  ["bytes", byteStreamOf, () => new ReadableStream({ type: "bytes", pull: gone })],
  ["chunks", streamOf, () => new ReadableStream({ pull: gone })],
])("a stream of %s", (_, of, breaking) => {
  const text = async (promise: ReturnType<typeof readMessage>) => Buffer.from((await promise).bytes).toString("latin1");

  test("is read behind the headers, byte for byte", async () => {
    const reading = readMessage(HEAD, of(...PIECES), RAW.length);
    expect(await text(reading)).toBe(Buffer.concat([HEAD, RAW]).toString("latin1"));
    expect((await reading).start).toBe(HEAD.length);
  });

  test("may be empty", async () => {
    expect(await text(readMessage(HEAD, of(), 0))).toBe(HEAD.toString());
  });

  test.each([0, 1, RAW.length - 1])("that is longer than its %d announced bytes is none", async (announced) => {
    await expect(readMessage(HEAD, of(...PIECES), announced)).rejects.toThrow("longer than the edge announced");
  });

  test.each([RAW.length + 1, 2 * RAW.length])(
    "that is shorter than its %d announced bytes is none",
    async (announced) => {
      await expect(readMessage(HEAD, of(...PIECES), announced)).rejects.toThrow("cut short");
    },
  );

  test("that breaks off is none", async () => {
    await expect(readMessage(HEAD, breaking(), RAW.length)).rejects.toThrow("gone");
  });
});

test("a stream of bytes fills the message's own buffer", async () => {
  const lengths: number[] = [];
  let left = 3;
  const raw = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const view = controller.byobRequest?.view;
      if (!(view instanceof Uint8Array)) throw new Error("nobody said where the bytes go");
      lengths.push(view.byteLength);
      if (left === 0) controller.close();
      else view[0] = 65 + left--;
      controller.byobRequest?.respond(left < 3 && lengths.length <= 3 ? 1 : 0);
    },
  });
  const { bytes } = await readMessage(HEAD, raw, 3);
  expect(Buffer.from(bytes).toString()).toBe(`${HEAD.toString()}DCB`);
  // The last one asks whether that was all.
  expect(lengths).toEqual([3, 2, 1, 1]);
});
