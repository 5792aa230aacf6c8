import { pulumiReason } from "../../ops/pulumi-reason";

/** As Pulumi 3.259.0 printed them. */
test.each([
  ["error: incorrect passphrase\n", /not the one of the stack prod.*PULUMI_CONFIG_PASSPHRASE_FILE to the right one$/],
  [
    "error: getting stack configuration: get stack secrets manager: incorrect passphrase\n",
    /not the one of the stack prod/,
  ],
  [
    "error: could not create secrets manager for new stack: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE environment variables\n",
    /no passphrase is set.*Set it: read -rs PULUMI_CONFIG_PASSPHRASE && export PULUMI_CONFIG_PASSPHRASE$/,
  ],
  ["error: unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open /nowhere: no such file or directory\n", /cannot be read/],
  [
    "error: could not decrypt configuration values: cipher: message authentication failed\n",
    /copied from another stack/,
  ],
  ["error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions\n", /pulumi login/],
  ["error: no stack named 'nos' found\n", /there is no stack nos in the place where.*pulumi stack ls$/],
  ["error: no Pulumi.yaml project file found (searching upwards from /). If you have not\n", /has no Pulumi\.yaml/],
  ["error: the stack is currently locked by 1 lock(s). Either wait\n", /pulumi cancel --stack prod$/],
  ["error: invalid YAML file: yaml: line 2: did not find expected key\n", /npm run settings -- prod$/],
  [
    'error: unable to open state directory "file:///nowhere": stat /nowhere: no such file or directory\n',
    /cannot be read: unable to open state directory "file:\/\/\/nowhere".*pulumi whoami -v$/,
  ],
  [
    'error: read ".pulumi/meta.yaml": blob (key ".pulumi/meta.yaml") (code=Unknown): S3\n',
    /cannot be read: read "\.pulumi/,
  ],
  ["warning: an old plugin\nerror: the host is away\n", /^the host is away$/],
  ["", /^it gave no reason$/],
])("%j", (output, expected) => {
  expect(pulumiReason(output, "prod")).toMatch(expected);
});

test("nothing that the engine quotes reaches the terminal raw, and a long output is cut", () => {
  const told = pulumiReason(`error: \u001b[31mred\u001b[0m \u0007\n${"error: more\n".repeat(50)}`, "prod");
  // eslint-disable-next-line no-control-regex -- that there is none
  expect(told).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  expect(told.split("\n")).toHaveLength(5);
});

test("of a run that had begun the diagnostics are told: what a script on the host said, and no guess at the state's place", () => {
  const output = `Updating (prod):
 +  command:remote:Command host-backup-password creating (3s) error: Process exited with status 1: running "bash -s":
Diagnostics:
  command:remote:Command (host-backup-password):
    error: Process exited with status 1: running "bash -s":
    The repository refuses the new password: dial tcp 192.0.2.1:443: connection refused
    The backups go on; the next one tries this again.

  pulumi:pulumi:Stack (mail-prod):
    error: update failed

Resources:
    3 unchanged
`;
  expect(pulumiReason(output, "prod").split("\n")).toEqual([
    "command:remote:Command (host-backup-password):",
    'Process exited with status 1: running "bash -s":',
    "The repository refuses the new password: dial tcp 192.0.2.1:443: connection refused",
    "The backups go on; the next one tries this again.",
    "pulumi:pulumi:Stack (mail-prod):",
    "update failed",
  ]);
});
