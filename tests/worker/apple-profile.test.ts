import { bundleWorker } from "../../infra/edge/bundle";
import { type FetchAnswer, runEmailWorker } from "../../sandbox/edge/worker-runtime";
import type { RunningWorker } from "../../sandbox/edge/worker-runtime";
import { profileUrl, renderProfile } from "../../worker/src/apple-profile";
import { plist } from "../../worker/src/plist";
import { profileFaults, readPlist } from "../apple";
import { describeWith } from "../needs";

const DOMAIN = "example.org";
const ADDRESS = `root@${DOMAIN}`;
const BINDINGS = {
  MAIL_DOMAIN: DOMAIN,
  SERVER_HOSTNAME: "mail.example.org",
  CLIENTS_HOSTNAME: "imap.example.org",
  SERVICES: "jmap,caldavs,carddavs,imaps,submissions,submission",
  DISPLAY_NAME: 'Tom & "Jerry" <mail>',
};
const ALL = new Set(BINDINGS.SERVICES.split(","));
const provider = {
  domain: DOMAIN,
  server: BINDINGS.SERVER_HOSTNAME,
  clients: BINDINGS.CLIENTS_HOSTNAME,
  displayName: BINDINGS.DISPLAY_NAME,
  services: ALL,
};
const started: RunningWorker[] = [];
afterAll(() => Promise.all(started.map((worker) => worker.dispose())));

function start(changes: Partial<typeof BINDINGS> = {}): RunningWorker {
  const worker = runEmailWorker({
    script: bundleWorker("public"),
    bindings: Object.entries({ ...BINDINGS, ...changes }).map(([name, text]) => ({ type: "plain_text", name, text })),
    compatibilityDate: "2026-06-01",
    outbound: () => Promise.reject(new Error("home is down")),
  });
  started.push(worker);
  return worker;
}

interface Profile {
  readonly PayloadIdentifier: string;
  readonly PayloadUUID: string;
  readonly PayloadContent: readonly Readonly<Record<string, unknown>>[];
}

const parsed = (answer: FetchAnswer | string) =>
  readPlist(typeof answer === "string" ? answer : answer.body) as Profile;

describeWith("python3", "It is part of Debian: apt install python3")(
  "the configuration profile for Apple's devices",
  () => {
    const worker = start();

    it("is served as Safari wants it, with what the address needs and no password", async () => {
      const answer = await worker.fetch(profileUrl(DOMAIN, ADDRESS));
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-type")).toBe("application/x-apple-aspen-config");
      expect(answer.headers.get("cache-control")).toBe("no-store");
      const profile = parsed(answer);
      expect(profileFaults(profile)).toEqual([]);
      const [mail, calendars, contacts] = profile.PayloadContent;
      expect(mail).toMatchObject({
        PayloadType: "com.apple.mail.managed",
        EmailAccountType: "EmailTypeIMAP",
        EmailAddress: ADDRESS,
        IncomingMailServerHostName: "imap.example.org",
        IncomingMailServerPortNumber: 993,
        IncomingMailServerUseSSL: true,
        IncomingMailServerUsername: ADDRESS,
        OutgoingMailServerHostName: "imap.example.org",
        OutgoingMailServerPortNumber: 465,
        OutgoingMailServerUseSSL: true,
        OutgoingMailServerUsername: ADDRESS,
        OutgoingPasswordSameAsIncomingPassword: true,
      });
      expect(calendars).toMatchObject({ CalDAVHostName: "mail.example.org", CalDAVPort: 443, CalDAVUseSSL: true });
      expect(contacts).toMatchObject({ CardDAVHostName: "mail.example.org", CardDAVUsername: ADDRESS });
      expect(answer.body.toString()).not.toMatch(/<key>(Incoming|Outgoing|CalDAV|CardDAV)Password</);
    });

    it("is the same as the one that the command writes", async () => {
      expect((await worker.fetch(profileUrl(DOMAIN, ADDRESS))).body.toString()).toBe(
        await renderProfile(provider, ADDRESS),
      );
    });

    it("leaves address and user name for the device to ask when no address is given", async () => {
      const profile = parsed(await worker.fetch(profileUrl(DOMAIN)));
      expect(profileFaults(profile)).toEqual([]);
      expect(JSON.stringify(profile)).not.toMatch(/Username|EmailAddress/);
    });

    it("has UUIDs that stay, differ between addresses and occur once", async () => {
      const uuids = (profile: Profile) => [
        profile.PayloadUUID,
        ...profile.PayloadContent.map(({ PayloadUUID }) => String(PayloadUUID)),
      ];
      const one = parsed((await renderProfile(provider, ADDRESS)) ?? "");
      const other = parsed((await renderProfile(provider, `other@${DOMAIN}`)) ?? "");
      const all = [...uuids(one), ...uuids(other)];
      expect(new Set(all).size).toBe(all.length);
      for (const uuid of all)
        expect(uuid).toMatch(/^[0-9A-F]{8}-[0-9A-F]{4}-5[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/);
      // Python: uuid.uuid5(uuid.NAMESPACE_URL, "https://autoconfig.example.org/mail.mobileconfig?emailaddress=root%40example.org")
      expect(one.PayloadUUID).toBe("5BFE8C75-5A38-5423-BB60-9E1863D8BE26");
      expect(one.PayloadIdentifier).not.toBe(other.PayloadIdentifier);
    });

    it.each<[services: string, types: readonly string[]]>([
      ["imaps,submission", ["mail.managed"]],
      ["imaps", []],
      ["submissions", []],
      ["carddavs", ["carddav.account"]],
      ["imaps,caldavs", ["caldav.account"]],
      ["jmap", []],
    ])("holds of %s what a profile can describe", async (services, types) => {
      const answer = await start({ SERVICES: services }).fetch(profileUrl(DOMAIN, ADDRESS));
      if (types.length === 0) return expect(answer.status).toBe(404);
      const profile = parsed(answer);
      expect(profileFaults(profile)).toEqual([]);
      expect(profile.PayloadContent.map(({ PayloadType }) => PayloadType)).toEqual(
        types.map((type) => `com.apple.${type}`),
      );
    });

    it("uses 587 where that is the only way to send", async () => {
      const answer = await start({ SERVICES: "imaps,submission" }).fetch(profileUrl(DOMAIN, ADDRESS));
      expect(parsed(answer).PayloadContent[0]).toMatchObject({
        OutgoingMailServerPortNumber: 587,
        OutgoingMailServerUseSSL: true,
      });
    });

    it.each(["root@other.example", "root", "@example.org", '"><x@example.org', `${"a".repeat(65)}@example.org`])(
      "is refused to %j, which the domain cannot have",
      async (address) => {
        const answer = await worker.fetch(profileUrl(DOMAIN, address));
        expect(answer.status).toBe(400);
        expect(answer.body.toString()).not.toContain(address);
      },
    );

    it("keeps markup in names as text", async () => {
      const odd = `o'hara@${DOMAIN}`;
      const profile = parsed(await worker.fetch(profileUrl(DOMAIN, odd)));
      expect(profile.PayloadContent[0]).toMatchObject({
        EmailAddress: odd,
        EmailAccountDescription: BINDINGS.DISPLAY_NAME,
      });
    });

    it("answers HEAD, refuses POST, and is led from http to https", async () => {
      const url = profileUrl(DOMAIN, ADDRESS);
      expect((await worker.fetch(url, { method: "HEAD" })).status).toBe(200);
      expect((await worker.fetch(url, { method: "POST" })).status).toBe(405);
      const plain = await worker.fetch(url.replace("https:", "http:"));
      expect(plain.headers.get("location")).toBe(url);
      expect((await worker.fetch(url.replace("autoconfig.", ""))).status).toBe(404);
    });
  },
);

describeWith("python3", "It is part of Debian: apt install python3")("Apple's keys", () => {
  it("find what is wrong with a profile", () => {
    const wrong = {
      PayloadType: "Configuration",
      PayloadVersion: "1",
      PayloadIdentifier: "x",
      PayloadContent: [
        { PayloadType: "com.apple.mail.managed", PayloadVersion: 1, EmailAccountType: "EmailTypeJMAP", Password: "x" },
        { PayloadType: "com.apple.unknown" },
      ],
    };
    const faults = profileFaults(readPlist(plist(wrong)));
    expect(faults).toEqual(
      expect.arrayContaining([
        "profile: PayloadUUID is missing",
        "profile: PayloadVersion is no integer",
        "com.apple.mail.managed: EmailAccountType may not be EmailTypeJMAP",
        "com.apple.mail.managed: Password is no key of Apple's",
        "com.apple.mail.managed: IncomingMailServerHostName is missing",
        "payload 1 has the unknown type com.apple.unknown",
      ]),
    );
  });
});
