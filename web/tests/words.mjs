// Every text of the page has its Thai, and no Thai is left of a text that is gone: node words.mjs, in the built folder.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Texts that come from data and not from a literal of the page: states, kinds, roles of the API. */
const FROM_DATA = `down degraded unknown up all firing pending silenced inhibited swallowed flapping resolved inactive recording failed active expired silence maintenance
critical|warning|info|none|open|confirming|diagnosing|planned|awaiting approval|acting|settling|verifying|holding|needs human
fixed|not fixed|healed by itself|fixed then recurred|made worse|reported|done|refused|alert|state|finding|step|guard|verify|message|note|command
operate|read|auto|approve|observe|off|repair|report|delivered|failed over|rejected|gave up|metric|label|value|function|aggregation|keyword|range
any time|24 hours|7 days|30 days|30 minutes|2 hours|8 hours|this list|search|next and previous row|open the row
Probes|Components|Repair steps|Channels|As the system|Light|Dark`
  .split("\n").flatMap((line, index) => line.split(index === 0 ? " " : "|"));

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : /\.tsx?$/.test(entry.name) && entry.name !== "thai.ts" ? [path] : [];
  });
}

const used = new Set(FROM_DATA);
for (const path of sources("src")) {
  const text = readFileSync(path, "utf8");
  for (const found of text.matchAll(/\bt\(\s*"((?:[^"\\]|\\.)*)"/g)) used.add(JSON.parse(`"${found[1]}"`));
  for (const found of text.matchAll(/\bplural\([^"]*"([^"]*)",\s*"([^"]*)"/g)) { used.add(found[1]); used.add(found[2]); }
  // Tables of names that are translated where they are shown.
  for (const found of text.matchAll(/^const (?:PLACES|TITLES|NAMES|SAID|NOW|ALL)[^=]*= ([^;]*);/gm)) {
    for (const word of found[1].matchAll(/"([A-Z][^"]*)"/g)) used.add(word[1]);
  }
}
const built = await build({ entryPoints: ["src/thai.ts"], bundle: true, write: false, format: "esm" });
const { thai } = await import(`data:text/javascript;base64,${Buffer.from(built.outputFiles[0].text).toString("base64")}`);
const missing = [...used].filter((word) => word && !(word in thai)).sort();
const spare = Object.keys(thai).filter((word) => !used.has(word)).sort();
const holes = Object.entries(thai).filter(([word, text]) => (word.match(/\{\w+\}/g) ?? []).some((hole) => hole !== "{n}" && !text.includes(hole))).map(([word]) => word);
for (const [name, list] of [["without Thai", missing], ["Thai of nothing", spare], ["holes differ", holes]]) {
  if (list.length > 0) {
    console.log(`${name}:\n  ${list.join("\n  ")}`);
  }
}
process.exit(missing.length + spare.length + holes.length > 0 ? 1 : 0);
