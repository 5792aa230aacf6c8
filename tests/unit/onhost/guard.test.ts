import { guardUpgrade } from "../../../onhost/src/guard";
import { FILES, STALWART_VERSION } from "../../../onhost/src/deployment";
import { openLab, type Lab } from "./lab";

test.each([
  ["0.16.18", "0.16.18"],
  ["0.16.17", "0.16.18"],
  ["0.16.0", "0.17.3"],
  ["v0.16.18\n", "0.17.0"],
])("%s to %s is a step that may be taken", (ran, wanted) => {
  expect(() => guardUpgrade(wanted, { ran, hasData: true })).not.toThrow();
});

test.each([
  ["0.16.19", "0.16.18", "Stalwart 0.16.19 has run on this data, and 0.16.18 is older."],
  ["0.17.0", "0.16.18", "is older"],
  ["1.0.0", "0.16.18", "is older"],
  ["0.16.18", "0.18.0", "is more than one minor version ahead.\n.*\nTake the mail-stack with Stalwart 0.17 first"],
  ["0.15.5", "0.16.18", "from before 0.16.\n.*\nMigrate it as"],
  ["0.16.18", "1.0.0", "is more than one minor version ahead"],
  ["latest", "0.16.18", "stalwart/version holds no version."],
  ["", "0.16.18", "stalwart/version holds no version."],
  ["0.16.18; rm -rf /", "0.16.18", "stalwart/version holds no version."],
])("%j to %s is refused", (ran, wanted, why) => {
  expect(() => guardUpgrade(wanted, { ran, hasData: true })).toThrow(new RegExp(why));
});

describe("on the host", () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab.close());

  test("a first start is allowed and written down", async () => {
    expect((await lab.onhost("guard")).code).toBe(0);
    expect(() => lab.read(FILES.version)).toThrow("ENOENT");
    expect((await lab.onhost("guard", "--record")).code).toBe(0);
    expect(lab.read(FILES.version)).toBe(`${STALWART_VERSION}\n`);
    lab.write(`${FILES.data}/CURRENT`, "");
    expect(await lab.onhost("guard", "--record")).toEqual({ code: 0, out: "", err: "" });
  });

  test("data of an unknown version is refused with what to do", async () => {
    lab.write(`${FILES.data}/CURRENT`, "");
    const { code, err } = await lab.onhost("guard", "--record");
    expect(code).toBe(1);
    expect(err).toContain("no record of the version that wrote it");
    expect(err).toContain("> stalwart/version");
    expect(() => lab.read(FILES.version)).toThrow("ENOENT");
  });

  test("newer data is refused and its record stays", async () => {
    lab.write(FILES.version, "0.17.2\n");
    expect((await lab.onhost("guard", "--record")).code).toBe(1);
    expect(lab.read(FILES.version)).toBe("0.17.2\n");
  });
});
