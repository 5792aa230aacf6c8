import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", ".cache/"] },
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: ["tsconfig.json", "worker/tsconfig.json"], tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": "off",
      // Pulumi resources are made for their effect.
      "no-new": "off",
      "no-restricted-syntax": [
        "error",
        {
          selector:
            'CallExpression[callee.property.name="toMatchObject"] Property > ObjectExpression[properties.length=0]',
          message: "toMatchObject takes every object for {}: use toEqual on that property.",
        },
      ],
    },
  },
  {
    // Foreign text reaches the terminal through ops/output.ts, which makes it visible, and by no other way.
    files: ["ops/**/*.ts", "sandbox/main.ts"],
    ignores: ["ops/output.ts"],
    rules: {
      "no-console": "error",
      "no-restricted-properties": [
        "error",
        ...["stdout", "stderr"].map((property) => ({
          object: "process",
          property,
          message: "Write with print and warn of ops/output.ts.",
        })),
      ],
      "no-restricted-imports": [
        "error",
        ...["readline", "node:readline", "readline/promises", "node:readline/promises", "process", "node:process"].map(
          (name) => ({
            name,
            message: "Ask and write with ops/output.ts.",
          }),
        ),
      ],
    },
  },
);
