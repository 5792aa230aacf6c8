import type { DnsAnswer, RecordType } from "../../../ops/doctor/context";
import { publicPlaces } from "../../../ops/doctor/net/place";

const ADDRESSES: Readonly<Record<string, string>> = {
  "both.example A": "192.0.2.1",
  "both.example AAAA": "2001:db8::1",
  "six.example AAAA": "2001:db8::6",
};
const resolve = (name: string, type: RecordType): Promise<DnsAnswer> => {
  const value = ADDRESSES[`${name} ${type}`];
  const records = value === undefined ? [] : [{ name, type, ttl: 1, value }];
  const plain = { code: "NOERROR", authoritative: false, authenticated: false, alias: undefined, referral: [] };
  return Promise.resolve({ ...plain, records });
};
const places = publicPlaces({ resolve });

test.each([
  ["both.example", "192.0.2.1"],
  ["six.example", "2001:db8::6"],
  ["100.100.1.1", "100.100.1.1"],
])("%s is at %s, whatever the system says", async (name, host) => {
  expect(await places(name, 443)).toEqual({ host, port: 443 });
});

test("a name without an address is reached by nobody", async () => {
  await expect(places("none.example", 443)).rejects.toThrow("none.example has no address");
});
