// Drives the page in a real Chromium against a real daemon: node page.mjs URL WEB_PORT OUT_DIR. Listens on WEB_PORT as the web
// server that the daemon watches, breaks it, and looks at what the page shows. Prints one JSON line a check.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [url, webPort, out] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let status = 200;
const server = createServer((_request, response) => {
  response.writeHead(status);
  response.end("hello");
});
await new Promise((done) => server.listen(Number(webPort), "127.0.0.1", done));

let failed = 0;
async function check(name, body) {
  try {
    await body();
    console.log(JSON.stringify({ check: name, result: "ok" }));
  } catch (error) {
    failed += 1;
    console.log(JSON.stringify({ check: name, result: "failed", text: String(error.stack ?? error).slice(0, 1500) }));
  }
}
function expect(value, text) {
  if (!value) {
    throw new Error(text);
  }
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", bypassCSP: false });
const page = await context.newPage();
const noise = [];
page.on("console", (message) => { if (message.type() === "error") noise.push(message.text()); });
page.on("pageerror", (error) => noise.push(String(error)));
page.on("request", (request) => { if (!request.url().startsWith(url) && !request.url().startsWith("data:")) noise.push(`request to ${request.url()}`); });

async function noViolations() {
  // The page's own policy forbids added scripts, so axe comes in by the debugging protocol.
  const session = await context.newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const result = await session.send("Runtime.evaluate", {
    expression: "axe.run().then((r) => JSON.stringify(r.violations.map((v) => `${v.id}: ${v.nodes.length} ${v.nodes[0].html} ${v.nodes[0].failureSummary}`)))",
    awaitPromise: true, returnByValue: true,
  });
  const violations = JSON.parse(result.result.value);
  expect(violations.length === 0, violations.join("\n"));
}

await check("the fleet shows the host as up", async () => {
  await page.goto(`${url}/`);
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
  await page.locator(".card.up", { hasText: "web1" }).waitFor({ timeout: 15000 });
  await page.screenshot({ path: `${out}/fleet.png` });
  await noViolations();
});

await check("a hostile label is shown as text", async () => {
  await page.getByRole("searchbox").fill("<img");
  expect(await page.locator(".card").count() === 1, "the label is not found as text");
  expect(await page.locator("img[src='x']").count() === 0, "the label became an element");
  await page.getByRole("searchbox").fill("");
});

await check("the host page has the source's six sections", async () => {
  await page.getByRole("link", { name: /web1/ }).first().click();
  for (const name of ["1 Status", "2 Status History", "3 Resource", "4 Resource Utilization", "5 Resource Utilization History", "6 Network"]) {
    await page.getByRole("heading", { name, exact: true }).waitFor();
  }
  await page.locator(".big", { hasText: "Ping" }).getByText("UP").waitFor();
  await page.locator(".plot[data-state=good]").first().waitFor({ timeout: 15000 });
  expect(await page.locator(".plot canvas").count() >= 3, "no graphs are drawn");
  await page.screenshot({ path: `${out}/host.png`, fullPage: true });
  await noViolations();
});

await check("a fault appears live, without loading again, and its end too", async () => {
  await page.evaluate(() => { window.untouched = true; });
  status = 500;
  await page.locator(".big.bad", { hasText: "500" }).waitFor({ timeout: 15000 });
  await page.locator(".now.warn, .now.bad").waitFor({ timeout: 15000 });
  await page.getByRole("link", { name: "Incidents" }).click();
  await page.getByRole("link", { name: /web1/ }).first().waitFor({ timeout: 15000 });
  status = 200;
  await page.getByText(/healed by itself/).first().waitFor({ timeout: 45000 });
  expect(await page.evaluate(() => window.untouched === true), "the page was loaded again");
  await page.screenshot({ path: `${out}/incidents.png` });
  await noViolations();
});

await check("an incident's page tells its timeline", async () => {
  await page.getByRole("link", { name: /web1/ }).first().click();
  await page.getByRole("heading", { name: "Timeline" }).waitFor();
  expect(await page.locator(".timeline li").count() >= 3, "the timeline is too short");
  await page.screenshot({ path: `${out}/incident.png`, fullPage: true });
  await noViolations();
});

await check("Thai by one button, kept after loading again", async () => {
  await page.getByRole("button", { name: "ไทย" }).click();
  await page.getByRole("link", { name: "เหตุการณ์" }).waitFor();
  await page.reload();
  await page.getByRole("link", { name: "เหตุการณ์" }).waitFor();
  await page.screenshot({ path: `${out}/incident-thai.png` });
  await page.getByRole("button", { name: "English" }).click();
});

await check("a phone shows it without scrolling sideways", async () => {
  await page.setViewportSize({ width: 375, height: 800 });
  for (const path of ["/", "/hosts/web1", "/incidents"]) {
    await page.goto(url + path);
    await page.locator("main h1").waitFor();
    await page.waitForTimeout(600);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wide <= 0, `${path} is ${wide} pixels too wide`);
  }
  await page.screenshot({ path: `${out}/phone.png` });
  await page.setViewportSize({ width: 1280, height: 900 });
});

await check("the keyboard alone reaches a host", async () => {
  await page.goto(`${url}/`);
  await page.locator(".card", { hasText: "web1" }).waitFor();
  for (let i = 0; i < 12; i += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.classList.contains("host"))) {
      break;
    }
  }
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "1 Status", exact: true }).waitFor();
});

await check("dark by the system's preference", async () => {
  await page.emulateMedia({ colorScheme: "dark" });
  await page.goto(`${url}/`);
  await page.locator(".card").first().waitFor();
  await page.screenshot({ path: `${out}/fleet-dark.png` });
  await noViolations();
});

await check("nothing in the console, no request elsewhere", async () => {
  expect(noise.length === 0, noise.join("\n"));
});

await browser.close();
server.close();
process.exit(failed > 0 ? 1 : 0);
