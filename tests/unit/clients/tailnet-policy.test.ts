import { policyFragment, withFragment } from "../../../infra/clients/tailnet-policy";
import type { TailnetSettings } from "../../../infra/settings/settings";

const SETTINGS: TailnetSettings = {
  mode: "split-dns",
  tag: "tag:mail",
  hostname: "mail",
  policy: "manage",
  keyNumber: 1,
};
const fragment = policyFragment(SETTINGS);
const asApi = (policy: object) => ({ hujson: `// mine\n${JSON.stringify(policy)}`, json: JSON.stringify(policy) });

test("members reach the mail ports, and the resolver where there is one", () => {
  expect(fragment).toEqual({
    tagOwners: { "tag:mail": ["autogroup:admin"] },
    grants: [
      {
        src: ["autogroup:member"],
        dst: ["tag:mail"],
        ip: ["tcp:443", "tcp:993", "tcp:465", "tcp:587", "tcp:4190", "udp:53", "tcp:53"],
      },
    ],
  });
  expect(JSON.stringify(policyFragment({ ...SETTINGS, mode: "dns-record" }))).not.toContain(":53");
});

test("what is there stays, what is lacking comes, and the second time nothing changes", () => {
  const mine = {
    tagOwners: { "tag:web": ["group:web"] },
    acls: [{ action: "accept", src: ["*"], dst: ["*:*"] }],
    grants: [{ src: ["group:web"], dst: ["tag:web"], ip: ["tcp:443"] }],
    ssh: [],
  };
  const merged = withFragment(asApi(mine), fragment);
  expect(JSON.parse(merged)).toEqual({
    ...mine,
    tagOwners: { ...mine.tagOwners, ...fragment.tagOwners },
    grants: [...mine.grants, ...fragment.grants],
  });
  expect(withFragment({ hujson: merged, json: merged }, fragment)).toBe(merged);
});

test("a policy that has everything keeps its comments, and a tag its owners", () => {
  const [grant] = fragment.grants;
  const mine = {
    tagOwners: { "tag:mail": ["me@example.org"] },
    grants: [{ ...grant, ip: [...(grant?.ip ?? [])].reverse() }],
  };
  expect(withFragment(asApi(mine), fragment)).toBe(asApi(mine).hujson);
});

test("a grant with more in it is another one", () => {
  const mine = { tagOwners: fragment.tagOwners, grants: [{ ...fragment.grants[0], srcPosture: ["posture:safe"] }] };
  expect((JSON.parse(withFragment(asApi(mine), fragment)) as { grants: unknown[] }).grants).toHaveLength(2);
});

test("what is no policy is refused", () => {
  expect(() => withFragment({ hujson: "[]", json: "[]" }, fragment)).toThrow("Nothing was changed");
});
