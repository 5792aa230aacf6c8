import type { Kind } from "../kind";
import { textAt, type Props } from "../props";
import { Refusal } from "../refusal";
import type { World } from "../world";
import { checkedPolicy } from "./aws-policy";

const USER = "aws:iam/user:User";
const USER_POLICY = "aws:iam/userPolicy:UserPolicy";
const ACCESS_KEY = "aws:iam/accessKey:AccessKey";
/** IAM quotas: access keys of one user. */
const MOST_KEYS = 2;

const user: Kind = {
  replaceOn: [],
  computed: ["arn", "uniqueId"],
  filled: ["path", "forceDestroy", "tagsAll"],
  create(inputs, world) {
    const name = textAt(inputs, "name") ?? "";
    const path = textAt(inputs, "path") ?? "/";
    if (!/^[\w+=,.@-]{1,64}$/.test(name)) throw new Refusal(400, undefined, "ValidationError: userName");
    if (!/^\/([\w+=,.@-]+\/)*$/.test(path)) throw new Refusal(400, undefined, "ValidationError: path");
    if (world.all(USER).some(({ id }) => id === name))
      throw new Refusal(409, undefined, `EntityAlreadyExists: User with name ${name} already exists.`);
    return {
      id: name,
      props: { ...inputs, arn: `arn:aws:iam::123456789012:user${path}${name}`, uniqueId: world.newId() },
    };
  },
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete(remote, world) {
    const left = [USER_POLICY, ACCESS_KEY].flatMap((type) => world.all(type));
    if (left.some(({ props }) => props["user"] === remote.id))
      throw new Refusal(
        409,
        undefined,
        "DeleteConflict: Cannot delete entity, must delete access keys and policies first.",
      );
  },
};

const userPolicy: Kind = {
  replaceOn: ["user", "name"],
  computed: [],
  filled: ["name"],
  create: (inputs, world) => ({
    id: `${knownUser(inputs, world)}:${textAt(inputs, "name") ?? ""}`,
    props: withPolicy(inputs),
  }),
  update: (_remote, inputs) => withPolicy(inputs),
  delete: () => undefined,
};

const accessKey: Kind = {
  replaceOn: ["user", "pgpKey"],
  computed: [
    "secret",
    "encryptedSecret",
    "createDate",
    "keyFingerprint",
    "sesSmtpPasswordV4",
    "encryptedSesSmtpPasswordV4",
  ],
  filled: ["status"],
  secret: ["secret", "sesSmtpPasswordV4"],
  create(inputs, world) {
    const name = knownUser(inputs, world);
    if (world.all(ACCESS_KEY).filter(({ props }) => props["user"] === name).length >= MOST_KEYS)
      throw new Refusal(409, undefined, "LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2");
    const id = `AKIA${world.newId().slice(0, 16).toUpperCase()}`;
    return { id, props: { status: "Active", ...inputs, secret: `${world.newId()}/+${world.newId()}`.slice(0, 40) } };
  },
  update: (remote, inputs) => ({ ...remote.props, ...inputs }),
  delete: () => undefined,
  // IAM never tells the secret again; the provider keeps what its state has.
};

export const iamKinds: Readonly<Record<string, Kind>> = {
  [USER]: user,
  [USER_POLICY]: userPolicy,
  [ACCESS_KEY]: accessKey,
};

function knownUser(inputs: Props, world: World): string {
  const name = textAt(inputs, "user") ?? "";
  if (!world.all(USER).some(({ id }) => id === name))
    throw new Refusal(404, undefined, `NoSuchEntity: The user with name ${name} cannot be found.`);
  return name;
}

function withPolicy(inputs: Props): Props {
  checkedPolicy(textAt(inputs, "policy"), "user");
  return inputs;
}
