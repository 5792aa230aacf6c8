import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { dependentStacks, unprotectedHost } from "../../../infra/domain/dependents";
import { temporaryFolder } from "../../../sandbox/temporary";

const FILES = {
  "Pulumi.yaml": "name: mail\nruntime: nodejs\n",
  "Pulumi.prod.yaml": "config:\n  mail:domain: example.org\n",
  "Pulumi.third.yaml": "config:\n  mail:domain: example.com\n  mail:hostStack: prod\n",
  "Pulumi.second.yaml": "config:\n  mail:domain: example.net\n  mail:hostStack: prod\n",
  "Pulumi.other.yaml": "config:\n  mail:hostStack: test\n",
  "Pulumi.locked.yaml": "config:\n  mail:hostStack:\n    secure: v1:abc:def\n",
  "Pulumi.broken.yaml": "config: [\n",
  "Pulumi.empty.yaml": "",
  "Pulumi.no name.yaml": "config:\n  mail:hostStack: prod\n",
  "notes.yaml": "config:\n  mail:hostStack: prod\n",
};

describe("the stacks that name a host in their files", () => {
  const { path, remove } = temporaryFolder();
  beforeAll(() => {
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(path, name), text);
  });
  afterAll(remove);

  test("in order, without those of other hosts and files that cannot be read", () => {
    expect(dependentStacks(path, "prod")).toEqual(["second", "third"]);
    expect(dependentStacks(path, "test")).toEqual(["other"]);
  });

  test.each(["", "rootDirectory"])("none where there is no folder: '%s'", (folder) => {
    expect(dependentStacks(folder, "prod")).toEqual([]);
  });

  test("none for a stack that nobody names", () => expect(dependentStacks(path, "second")).toEqual([]));
});

test("the warning names all of them, what would happen and both ways out; without any there is none", () => {
  expect(unprotectedHost("prod", [])).toBeUndefined();
  const warning = unprotectedHost("prod", ["second", "third"]);
  for (const part of ["prod is the host of second, third", "pulumi stack rm second", "mail:protect true --stack prod"])
    expect(warning).toContain(part);
});
