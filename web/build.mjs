// Builds the page into dist/: scripts and style sheets with hashes in their names, and the two documents that name them, made from
// src/document.html: index.html (the page) and status.html (the public status page).
import { build } from "esbuild";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
const documents = [
  // The first screen's data is asked for while the scripts are still on their way.
  { name: "index", title: "Raksa", data: "/metrics and /api/v1/fleet", script: "src/main.tsx", style: "src/style.css", first: "/api/v1/fleet?first=40" },
  { name: "status", title: "Status", data: "/api/v1/public/status", script: "src/status/status.tsx", style: "src/status/status.css", first: "/api/v1/public/status" },
];
const entry = ({ name, script, style }) => ({ [name === "index" ? "raksa" : name]: script, [`${name === "index" ? "raksa" : name}-style`]: style });
const result = await build({
  entryPoints: Object.assign({}, ...documents.map(entry)),
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: "es2020",
  jsx: "automatic",
  jsxImportSource: "preact",
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const outputs = result.metafile.outputs;
const address = (path) => path.replace(/^dist/, "");
const built = (source) => Object.keys(outputs).find((path) => outputs[path].entryPoint === source);

/** Everything that a script needs at once, so that the browser fetches it in one go. */
function needs(path, found = new Set()) {
  for (const part of outputs[path].imports.filter((one) => one.kind === "import-statement")) {
    if (!found.has(part.path)) {
      found.add(part.path);
      needs(part.path, found);
    }
  }
  return [...found];
}

const template = readFileSync("src/document.html", "utf8");
for (const { name, title, data, script, style, first } of documents) {
  const preload = [`<link rel="preload" as="fetch" href="${first}" crossorigin>`,
    ...needs(built(script)).map((path) => `<link rel="modulepreload" href="${address(path)}">`)].join("\n    ");
  writeFileSync(`dist/${name}.html`, template.replace("TITLE", title).replace("DATA", data).replace("SCRIPT", address(built(script)))
    .replace("STYLE", address(built(style))).replace("<!-- PRELOAD -->", preload));
}
writeFileSync("dist/icon.svg", readFileSync("src/icon.svg"));
