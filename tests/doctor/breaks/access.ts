import { APPLICATION, POLICY, SERVICE_TOKEN } from "../../../sandbox/cloud/kinds/access";
import { ACCOUNT_TOKEN } from "../../../sandbox/cloud/kinds/account-token";
import { NOTIFICATION } from "../../../sandbox/cloud/kinds/notification-policy";
import type { Break } from "../break";
import { alter, any, broken, found, inDays, named, remove } from "./account";

export const ACCESS: readonly Break[] = [
  broken(
    "edge.access-token",
    "ends in twelve days",
    /^12 days left/,
    alter(SERVICE_TOKEN, any, { expiresAt: inDays(12) }),
    { status: "warning", remedy: /^npm run rotate -- access-token --stack prod$/ },
  ),
  broken("edge.access-token", "has ended", /^ended on/, alter(SERVICE_TOKEN, any, { expiresAt: inDays(-3) }), {
    remedy: /^npm run rotate -- access-token --stack prod$/,
  }),
  ...[
    ["inbound", "mail worker augustin.ai"],
    ["imaps", "mail imaps augustin.ai"],
    ["submissions", "mail submissions augustin.ai"],
    ["admin", "mail administration admin augustin.ai"],
    ["account", "mail administration account augustin.ai"],
  ].flatMap(([label = "", name = ""]): Break[] => [
    broken(`edge.access.${label}`, "no application", /^no application$/, remove(APPLICATION, named(name))),
    broken(`edge.access.${label}`, "no policy", /^no policy$/, alter(APPLICATION, named(name), { policies: [] })),
  ]),
  broken(
    "edge.access.inbound",
    "everybody",
    /^bypass everyone$/,
    alter(POLICY, named("mail worker augustin.ai"), { decision: "bypass", includes: [{ everyone: {} }] }),
  ),
  broken("edge.alert", "off", /^switched off$/, alter(NOTIFICATION, any, { enabled: false }), { status: "warning" }),
  broken(
    "edge.alert",
    "to somebody else",
    /to nobody@example\.com$/,
    alter(NOTIFICATION, any, { mechanisms: { emails: [{ id: "nobody@example.com" }] } }),
    { status: "warning" },
  ),
  broken("edge.access.imaps", "whoever has the Worker's token is let in", /^non_identity \S+$/, (world) => {
    const { id } = found(world, POLICY, named("mail worker augustin.ai"));
    return alter(APPLICATION, named("mail imaps augustin.ai"), { policies: [{ id, precedence: 1 }] })(world);
  }),
  broken(
    "edge.certificate-token",
    "ends in twelve days",
    /^12 days left/,
    alter(ACCOUNT_TOKEN, any, { expiresOn: inDays(12) }),
    { status: "warning", remedy: /^npm run rotate -- certificate-token --stack prod$/ },
  ),
  broken("edge.certificate-token", "is gone", /^none$/, remove(ACCOUNT_TOKEN, any)),
];
