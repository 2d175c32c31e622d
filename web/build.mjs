// Builds the page into dist/: scripts and style sheets with hashes in their names, and the two documents that name them:
// index.html (the page) and status.html (the public status page).
import { build } from "esbuild";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist");
const entries = { raksa: "src/main.tsx", "raksa-style": "src/style.css", status: "src/status/status.tsx", "status-style": "src/status/status.css" };
const result = await build({
  entryPoints: Object.fromEntries(Object.entries(entries).filter(([, path]) => existsSync(path))),
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

for (const [document, script, style] of [["index", entries.raksa, entries["raksa-style"]], ["status", entries.status, entries["status-style"]]]) {
  if (existsSync(script)) {
    const preload = needs(built(script)).map((path) => `<link rel="modulepreload" href="${address(path)}">`).join("\n    ");
    const html = readFileSync(`src/${document}.html`, "utf8")
      .replace("SCRIPT", address(built(script))).replace("STYLE", address(built(style))).replace("<!-- PRELOAD -->", preload);
    writeFileSync(`dist/${document}.html`, html);
  }
}
writeFileSync("dist/icon.svg", readFileSync("src/icon.svg"));
