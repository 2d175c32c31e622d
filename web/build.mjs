// Builds the page into dist/: one script and one style sheet with hashes in their names, and index.html that names them.
import { build } from "esbuild";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
const result = await build({
  entryPoints: ["src/main.tsx"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2020",
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: "dist/assets",
  entryNames: "raksa-[hash]",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});
const outputs = Object.keys(result.metafile.outputs).map((path) => basename(path));
const named = (ending) => outputs.find((name) => name.endsWith(ending));
const html = readFileSync("src/index.html", "utf8")
  .replace("SCRIPT", `/assets/${named(".js")}`)
  .replace("STYLE", `/assets/${named(".css")}`);
writeFileSync("dist/index.html", html);
writeFileSync("dist/icon.svg", readFileSync("src/icon.svg"));
