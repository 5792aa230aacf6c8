import eslint from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config({ ignores: ["node_modules/", ".cache/"] }, eslint.configs.recommended, {
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
});
