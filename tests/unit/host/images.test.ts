import { image, imageReference, IMAGES, STALWART_VERSION } from "../../../infra/host/images";
import { SCHEMA } from "../../../sandbox/host/registry/schema";
import { devDependencies } from "../../../package.json";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("images", () => {
  it("has one literal for each, for a dependency bot", () => {
    for (const each of Object.values(IMAGES)) expect(image(imageReference(each), each.why)).toEqual(each);
  });

  it("runs the Stalwart of the plan, and the Node of the tests", () => {
    expect(STALWART_VERSION).toMatch(/^\d+\.\d+\.\d+$/);
    expect(SCHEMA.version).toBe(STALWART_VERSION);
    expect(IMAGES.node.tag).toMatch(new RegExp(`^${devDependencies.node.replaceAll(".", "\\.")}-`));
  });

  it.each([
    [`a/b:v1.2@${DIGEST}`, { repository: "a/b", tag: "v1.2", digest: DIGEST }],
    [`b:1-alpine@${DIGEST}`, { repository: "b", tag: "1-alpine", digest: DIGEST }],
  ])("reads %s", (reference, parts) => {
    expect(image(reference, "why")).toEqual({ ...parts, why: "why" });
  });

  it.each([
    "traefik",
    "traefik:v3.6.0",
    "traefik:latest",
    `traefik@${DIGEST}`,
    "traefik:v3.6.0@sha256:12",
    "Traefik:v3.6.0",
    "a b:1",
  ])("refuses %s", (reference) => {
    expect(() => image(reference, "why")).toThrow(reference);
  });
});
