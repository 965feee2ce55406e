// Makes the component: `node build.mjs WIT OUTPUT` beside an installed componentize-qjs. `cargo xtask code` calls it.
import { componentize } from "componentize-qjs";
import { readFileSync, writeFileSync } from "node:fs";

const [wit, source, output] = process.argv.slice(2);
const { component } = await componentize({
  witPath: wit,
  jsSource: readFileSync(source, "utf8"),
  world: "code-js",
  sync: true,
});
writeFileSync(output, component);
