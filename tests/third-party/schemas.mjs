// schemas.mjs REPOSITORY: see schemas.sh.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Parser } from "@asyncapi/parser";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const root = process.argv[2];
const read = (path) => readFileSync(join(root, path), "utf8");
let failures = 0;
const fail = (sentence) => {
  console.error(sentence);
  failures += 1;
};

const ajv = new Ajv({ strict: true, allErrors: true });
addFormats(ajv);
ajv.addSchema(JSON.parse(read("docs/schema.json")), "schema");
let frames = 0;
for (const side of ["client", "server"]) {
  const validate = ajv.getSchema(`schema#/$defs/${side}`);
  for (const file of readdirSync(join(root, "wire/golden", side))) {
    const frame = JSON.parse(read(`wire/golden/${side}/${file}`));
    if (!validate(frame)) fail(`${side}/${file}: ${ajv.errorsText(validate.errors)}`);
    if (validate({ ...frame, type: "no such type" })) fail(`${side}/${file}: valid under a type that does not exist`);
    frames += 1;
  }
}
console.log(`ajv, strict: ${frames} golden frames`);

const { document, diagnostics } = await new Parser().parse(read("docs/asyncapi.json"));
for (const { code, message, path } of diagnostics) fail(`asyncapi.json, ${path.join("/")}: ${code}: ${message}`);
if (!document) fail("asyncapi.json: not a document");
console.log(`@asyncapi/parser: ${document?.allMessages().length ?? 0} messages, ${diagnostics.length} diagnostics`);
process.exit(failures === 0 ? 0 : 1);
