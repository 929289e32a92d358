/** All tests of this folder in one process: it starts once, which takes more time than the tests. */

import { readdirSync } from "node:fs";

const here = new URL("./", import.meta.url);
for (const name of readdirSync(here).sort()) if (name.endsWith(".test.js")) await import(new URL(name, here).href);
