// node build.mjs WIT OUT, where componentize-js is installed in the current directory.
import { writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

const [wit, out] = process.argv.slice(2);
const installed = `${process.cwd()}/node_modules/@bytecodealliance/componentize-js/src/componentize.js`;
const { componentize } = await import(pathToFileURL(installed));
const { component } = await componentize({
  sourcePath: fileURLToPath(new URL("tool.js", import.meta.url)),
  witPath: wit,
  worldName: "tool-plugin",
  disableFeatures: ["http", "fetch-event"],
});
await writeFile(out, component);
