/** One project per kind of proof, cheapest first; `npm run test:unit` runs the first alone. */
const transform = {
  "^.+\\.ts$": ["ts-jest", { tsconfig: "tsconfig.json", diagnostics: false }],
};
const project = (name) => ({
  displayName: name,
  testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  testEnvironment: "node",
  setupFiles: ["<rootDir>/tests/setup.ts"],
  transform,
});

export default {
  projects: ["unit", "worker", "judges", "engine"].map(project),
  reporters: ["default", "<rootDir>/tests/summary.mjs"],
  // What takes seconds on an idle machine takes a multiple beside another file.
  testTimeout: 120_000,
  // They wait for other programs about half of the time; Jest itself would start one worker on two cores.
  maxWorkers: 2,
};
