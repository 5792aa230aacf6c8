import type { Kind } from "../kind";
import { listAt, type Props, textAt } from "../props";
import { Refusal } from "../refusal";

export const NOTIFICATION = "cloudflare:index/notificationPolicy:NotificationPolicy";

/** cloudflare:index/notificationPolicy:NotificationPolicy: an alert of the account. */
export const notificationPolicy: Kind = {
  importId: {
    format: "<account_id>/<policy_id>",
    find: ([, id], world) => world.all(NOTIFICATION).find((remote) => remote.id === id),
  },
  replaceOn: ["accountId"],
  computed: ["created", "modified"],
  filled: ["alertInterval"],
  create: (inputs, world) => ({ id: world.newId(), props: echoPolicy(inputs) }),
  update: (_remote, inputs) => echoPolicy(inputs),
  delete: () => undefined,
};

function echoPolicy(inputs: Props): Props {
  if (listAt(inputs, "mechanisms.emails").length === 0)
    throw new Refusal(400, 17003, "A policy needs at least one mechanism.");
  // An absent description comes back as "".
  return { ...inputs, description: textAt(inputs, "description") ?? "" };
}
