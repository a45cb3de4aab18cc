// Lints of the web client. What may touch what is in web/README.md.
import js from "@eslint/js";
import globals from "globals";

/** Sinks that make markup or code of text: nothing may use them; `el` of the user interface makes nodes. */
const SINKS = [
  "innerHTML",
  "outerHTML",
  "insertAdjacentHTML",
  "srcdoc",
  "createContextualFragment",
  "write",
  "writeln",
].map((property) => ({ property, message: "Make nodes with el(): texts of others are never markup." }));

export default [
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module" },
    rules: {
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": ["error", ...SINKS.slice(0, 5)],
      "no-unused-vars": [
        "error",
        { varsIgnorePattern: "^_", argsIgnorePattern: "^_", destructuredArrayIgnorePattern: "^_" },
      ],
      "prefer-const": "error",
      eqeqeq: "error",
    },
  },
  { files: ["boot.js", "main.js", "wire/**", "store/**", "ui/**"], languageOptions: { globals: globals.browser } },
  { files: ["sw.js"], languageOptions: { globals: globals.serviceworker } },
  { files: ["test/**", "*.config.js"], languageOptions: { globals: { ...globals.node, ...globals.browser } } },
  {
    // Pure: no DOM, clock of another, network, storage.
    files: ["core/**"],
    languageOptions: { globals: { ...globals["shared-node-browser"] } },
    rules: {
      "no-restricted-globals": [
        "error",
        "fetch",
        "WebSocket",
        "indexedDB",
        "localStorage",
        "document",
        "window",
        "setTimeout",
      ],
    },
  },
  {
    // Comments are left out line by line when the files are served.
    files: ["boot.js", "main.js", "sw.js", "core/**", "wire/**", "store/**", "ui/**"],
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "TemplateElement[value.raw=/\\n/]", message: "A text on one line." },
      ],
    },
  },
  {
    files: ["core/**", "wire/**", "store/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["*/ui/*"], message: "The user interface knows the core, not the other way round." }] },
      ],
    },
  },
];
