// Measures the page's weight and speed in a real Chromium against a stand-in that serves the built page and a made-up fleet:
// node weight.mjs [--dist DIR] [--hosts N] [--rounds N] [--write FILE]. Prints a Markdown table, and writes the page docs/results/page.md;
// ends with 1 when a limit is missed.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { gzipSync } from "node:zlib";
import { chromium } from "playwright-core";
import { start } from "./fake.mjs";

const option = (name, usual) => (process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : usual);
const dist = option("dist", "dist");
const hosts = Number(option("hosts", 1000));
const rounds = Number(option("rounds", 5));
const middle = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const rows = [];
let missed = 0;

function row(name, value, limit, unit, worst) {
  const bad = limit !== null && value > limit;
  missed += bad ? 1 : 0;
  rows.push(`| ${name} | ${value} ${unit}${worst === undefined ? "" : ` (worst ${worst})`} | ${limit === null ? "" : `${limit} ${unit}`} | ${limit === null ? "" : bad ? "missed" : "kept"} |`);
}

const zipped = (path) => gzipSync(readFileSync(path), { level: 9 }).length;
const all = readdirSync(`${dist}/assets`).reduce((sum, name) => sum + zipped(`${dist}/assets/${name}`), 0);
row("every script and sheet of every page, gzip", Math.round(all / 102.4) / 10, 120, "KiB");

const load = loadavg()[0];
const server = await start({ hosts, dist });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });

/** A new page that notes long tasks, the first paint and when the first row was drawn. */
async function open(path) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, bypassCSP: true });
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  /** Processor time of the page's main thread so far, in ms: what other work on the machine does not change. */
  const busy = async () => (await session.send("Performance.getMetrics")).metrics.find((one) => one.name === "TaskDuration").value * 1000;
  await page.addInitScript(() => {
    window.long = [];
    new PerformanceObserver((list) => { window.answered ??= list.getEntries()[0].startTime; }).observe({ type: "mark", buffered: true });
    new MutationObserver((_list, observer) => {
      if (document.querySelectorAll(".plot canvas").length === 8) {
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.graphed = performance.now(); }));
      }
    }).observe(document, { childList: true, subtree: true });
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.long.push(entry.duration))).observe({ type: "longtask", buffered: true });
    new MutationObserver((_list, observer) => {
      if (document.querySelector(".host-row")) {
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => { window.drawn = performance.now(); }));
      }
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(server.url + path);
  return { page, busy, close: () => context.close() };
}

const scroll = (page) => page.evaluate(async () => {
  window.long.length = 0;
  const frames = [];
  let last = performance.now();
  const height = document.documentElement.scrollHeight - innerHeight;
  for (let at = 0; at < 90; at += 1) {
    window.scrollTo(0, (height * (at < 45 ? at : 90 - at)) / 45);
    await new Promise((done) => requestAnimationFrame(done));
    frames.push(performance.now() - last);
    last = performance.now();
  }
  return { longest: Math.max(0, ...window.long), frames };
});

const first = [];
const work = [];
const paint = [];
const longest = [];
const frames = [];
for (let round = 0; round <= rounds; round += 1) {
  const { page, busy, close } = await open("/");
  await page.waitForFunction(() => window.drawn > 0);
  const spent = await busy();
  const drawn = await page.evaluate(() => window.drawn);
  const painted = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  await page.waitForTimeout(1500);
  const moved = await scroll(page);
  // The first round warms up the browser and the stand-in.
  if (round > 0) {
    first.push(drawn);
    work.push(spent);
    paint.push(painted);
    longest.push(moved.longest);
    frames.push(...moved.frames);
  }
  await close();
}
row(`fleet of ${hosts} hosts: first contentful paint`, Math.round(middle(paint)), 500, "ms", Math.round(Math.max(...paint)));
row(`fleet of ${hosts} hosts: rows drawn, from navigation on`, Math.round(middle(first)), 500, "ms", Math.round(Math.max(...first)));
row(`fleet of ${hosts} hosts: processor time of the page until then`, Math.round(middle(work)), null, "ms", Math.round(Math.max(...work)));
row("scrolling all of it and back, live: longest task", Math.round(middle(longest)), 100, "ms", Math.round(Math.max(...longest)));
row("scrolling: 95th of 100 frames", Math.round([...frames].sort((a, b) => a - b)[Math.floor(frames.length * 0.95)]), null, "ms");

const graphs = [];
const zooms = [];
for (let round = 0; round <= rounds; round += 1) {
  const { page, close } = await open("/hosts/web-0001?range=24h");
  await page.waitForFunction(() => window.graphed > 0);
  const drawn = await page.evaluate(() => window.graphed - window.answered);
  await page.evaluate(() => { window.long.length = 0; });
  await page.locator(".u-over").nth(3).scrollIntoViewIfNeeded();
  const box = await page.locator(".u-over").nth(3).boundingBox();
  await page.mouse.move(box.x + 40, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + 160, box.y + 40, { steps: 10 });
  await page.mouse.up();
  await page.waitForURL(/from=/);
  await page.waitForTimeout(1500);
  if (round > 0) {
    graphs.push(drawn);
    zooms.push(await page.evaluate(() => Math.max(0, ...window.long)));
  }
  await close();
}
row("host, 24 h of 5 s samples: graphs drawn, from the answer on", Math.round(middle(graphs)), 300, "ms", Math.round(Math.max(...graphs)));
row("crosshair and zoom: longest task", Math.round(middle(zooms)), 100, "ms", Math.round(Math.max(...zooms)));

await browser.close();
server.close();
const table = `| what | measured, middle of ${rounds} | limit | |\n|---|---|---|---|\n${rows.join("\n")}`;
console.log(table);
const target = option("write", "");
if (target) {
  writeFileSync(target, `# The page, measured

\`make page-bench ARGS="--write FILE"\` (\`node tests/weight.mjs\` in the built folder): Chromium, headless and without a graphics card, against a stand-in for the
daemon (\`web/tests/fake.mjs\`) with ${hosts} made-up hosts that change every five seconds; ${cpus().length} cores, load before the measurement ${load.toFixed(1)}, the
measurement at a higher priority than that. What a clock gives includes the stand-in's work, Chromium's other processes and whatever else ran; the processor time of the
page's own thread does not.

${table}

The first screen does not wait for the whole fleet: the document asks for the worst 40 hosts (\`/api/v1/fleet?first=40\`) while the scripts are on their way; the stream of
events and all ${hosts} hosts follow once those rows are painted, the hour's lines after that, and in rows that fly past when scrolling rests.

[Pages left open for an hour](page-long.md) and [400 graphs open at once](page-load.md) have pages of their own; \`tests/system/page_test.py\` restarts a daemon twice
under an open page each time.
`);
}
process.exit(missed > 0 ? 1 : 0);
