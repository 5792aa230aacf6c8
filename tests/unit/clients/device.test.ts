import { type Device, hostDevice } from "../../../infra/clients/device";

const WANTED = { hostname: "mail", tag: "tag:mail" };
const own: Device = {
  nodeId: "n2CNTRL",
  hostname: "mail",
  name: "mail-1.tail1234.ts.net",
  addresses: ["fd7a:115c:a1e0::2", "100.64.0.2"],
  tags: ["tag:mail"],
  authorized: true,
};
const old: Device = { ...own, nodeId: "n1CNTRL", name: "mail.tail1234.ts.net", addresses: ["100.64.0.1"] };
const phone: Device = {
  ...own,
  nodeId: "n3CNTRL",
  hostname: "phone",
  name: "phone",
  addresses: ["100.64.0.3"],
  tags: [],
};

test("the host's machine is the one that the host says, and an older one of its name is told of", () => {
  expect(hostDevice([phone, own], own.nodeId, WANTED)).toEqual({ address: "100.64.0.2", warnings: [] });
  const { address, warnings } = hostDevice([old, phone, own], own.nodeId, WANTED);
  expect(address).toBe("100.64.0.2");
  expect(warnings).toEqual([expect.stringContaining("older machine of this host, mail.tail1234.ts.net")]);
});

test("a machine that is gone, or has no address, is an error with the next command", () => {
  for (const devices of [[old, phone], [{ ...own, addresses: [] }]])
    expect(() => hostDevice(devices, own.nodeId, WANTED)).toThrow(/Phones do not reach.*mail:tailnetKeyNumber/);
});

test("a machine with another tag, or without approval, is told of", () => {
  const { warnings } = hostDevice([{ ...own, tags: ["tag:web"], authorized: false }], own.nodeId, WANTED);
  expect(warnings.join("\n")).toMatch(/approval[^]*not the tag tag:mail[^]*tailnetKeyNumber/);
});
