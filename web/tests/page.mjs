// Drives the page in a real Chromium against a real daemon: node page.mjs URL WEB_PORT OUT_DIR. Listens on WEB_PORT as the web
// server that the daemon watches, breaks it, and looks at what the page shows. Prints one JSON line a check, and `please` lines
// for what the daemon's owner has to do (restart it), each answered by a line on standard input.
import { expect, HOSTILE, hangUp, please, until, webServer, World } from "./world.mjs";

const [url, webPort, out] = process.argv.slice(2);
const server = await webServer(Number(webPort));
const world = await World.start(url, out);
const { page } = world;
const PAGES = ["/", "/hosts/web1", "/incidents", "/alerts", "/silences", "/explore?q=ping", "/settings"];
const unhurt = () => world.unhurt();
const heading = (name) => page.getByRole("heading", { name, exact: true });
const settled = async () => {
  await page.locator("main h1").waitFor();
  await until(async () => (await page.locator("main [aria-busy=true]").count()) === 0, "the page does not finish loading");
};

await world.check("the fleet shows the host as up", async () => {
  await world.go("/");
  await heading("Fleet").waitFor();
  await page.locator(".host-row.up", { hasText: "web1" }).waitFor();
  await page.locator(".now.good", { hasText: "2 hosts watched" }).waitFor();
});

await world.check("search, filter and group by label, each with an address", async () => {
  await page.getByRole("searchbox").fill("<img");
  await until(async () => (await page.locator(".host-row").count()) === 1, "the label is not found as text");
  await unhurt();
  await page.getByRole("searchbox").fill("");
  await page.getByLabel("Group by").selectOption("note");
  await page.getByRole("heading", { name: "without note" }).waitFor();
  expect(page.url().includes("group=note"), "the group is not in the address");
  await page.reload();
  await page.getByRole("heading", { name: "without note" }).waitFor();
  await page.getByRole("button", { name: /up$/ }).click();
  expect(page.url().includes("status=up"), "the filter is not in the address");
});

await world.check("the host page has the source's six sections", async () => {
  await world.go("/");
  await page.getByRole("link", { name: "web1", exact: true }).click();
  for (const name of ["1 Status", "2 Status History", "3 Resource", "4 Resource Utilization", "5 Resource Utilization History", "6 Network"]) {
    await heading(name).waitFor();
  }
  await page.locator(".tile.good", { hasText: "Ping" }).getByText("UP").waitFor();
  await page.locator(".bands[data-state=good]").nth(2).waitFor();
  expect(await page.locator(".plot canvas").count() >= 3, "no graphs are drawn");
  await unhurt();
});

await world.check("every number on the host page is the API's", async () => {
  await page.locator(".tile[data-query]").nth(2).waitFor();
  expect((await world.numbersAgree()).length >= 3, "too few numbers are shown");
});

await world.check("a graph leads to its query, and dragging zooms for all graphs", async () => {
  await page.locator(".bands .plot .u-over").first().hover();
  const box = await page.locator(".bands .plot .u-over").first().boundingBox();
  await page.mouse.move(box.x + box.width * 0.3, box.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 10, { steps: 4 });
  await page.mouse.up();
  await until(() => /from=\d+&until=\d+/.test(page.url()), "dragging does not zoom");
  await page.goBack();
  await until(() => !page.url().includes("from="), "back does not zoom out");
  await page.locator(".bands a.iconic").first().click();
  await page.getByRole("textbox", { name: "PromQL query" }).waitFor();
  expect(new URL(page.url()).searchParams.get("q") === 'ping{target="web1"}', `the link asks ${page.url()}`);
  await page.locator(".chart[data-state=good]").waitFor();
});

await world.check("a fault appears live, without loading again, and its end too", async () => {
  await world.go("/hosts/web1");
  await page.locator(".tile.good", { hasText: "200" }).waitFor();
  await page.evaluate(() => { window.untouched = true; });
  server.status = 500;
  await page.locator(".tile.bad", { hasText: "500" }).waitFor();
  await page.locator(".now.warn, .now.bad").waitFor();
  await page.getByRole("link", { name: "Incidents" }).click();
  await page.getByRole("link", { name: /web1/ }).first().waitFor();
  server.status = 200;
  await page.locator(".rows").getByText("healed by itself").first().waitFor();
  expect(await page.evaluate(() => window.untouched === true), "the page was loaded again");
});

await world.check("an incident's page tells what happened, how long it took, and its timeline", async () => {
  await page.locator(".rows").getByRole("link", { name: /web1/ }).first().click();
  await heading("Timeline").waitFor();
  await page.locator(".sentence", { hasText: "It healed by itself after" }).waitFor();
  expect(await page.locator(".timeline li").count() >= 3, "the timeline is too short");
  await heading("How long it took").waitFor();
  await world.noViolations("an incident");
});

await world.check("incidents are filtered by the daemon, each filter with an address", async () => {
  await world.go("/incidents");
  await page.getByLabel("Outcome").selectOption("fixed");
  await page.getByText("No incident matches.").waitFor();
  expect(page.url().includes("outcome=fixed"), "the filter is not in the address");
  await world.go("/incidents?outcome=healed+by+itself&since=24h&state=closed");
  await page.locator(".rows").getByRole("link", { name: /web1/ }).first().waitFor();
  const page1 = await world.json("/api/v1/incidents?limit=1&outcome=healed_by_itself");
  const later = await world.json(`/api/v1/incidents?outcome=healed_by_itself&since=${Date.now() / 1000 + 60}`);
  expect(page1.incidents.length === 1 && page1.total >= 1 && later.total === 0, `total ${page1.total}, in the future ${later.total}`);
});

await world.check("a configuration that was refused is said on every page, until it is mended", async () => {
  await please("spoil");
  await world.go("/alerts");
  await page.locator(".trouble", { hasText: "no-such-key" }).waitFor();
  await world.noViolations("with a trouble");
  await please("mend");
  await world.go("/alerts");
  await page.locator(".now.good, .now.warn, .now.bad").first().waitFor();
  await new Promise((done) => setTimeout(done, 1500));
  expect(await page.locator(".trouble").count() === 0, "it is still said");
});

await world.check("hostile text in an alert appears as text", async () => {
  const alert = { status: "firing", labels: { alertname: `Own${HOSTILE}`, target: "here", severity: "warning", note: HOSTILE }, annotations: { summary: HOSTILE }, startsAt: new Date().toISOString() };
  const answer = await world.context.request.post(`${url}/webhook`, { data: { version: "4", status: "firing", receiver: "raksa", groupKey: "x", alerts: [alert] } });
  expect(answer.ok(), `the webhook answers ${answer.status()} ${await answer.text()}`);
  await world.go("/alerts");
  await page.getByText(HOSTILE).first().waitFor();
  await unhurt();
  await world.go("/incidents");
  await page.locator(".rows a", { hasText: "<img" }).first().click();
  await page.locator(".sentence", { hasText: "<img" }).waitFor();
  await unhurt();
});

await world.check("alerts and rules", async () => {
  await world.go("/alerts");
  await page.locator(".rule-row", { hasText: "http_code != 200" }).waitFor();
  await page.locator(".rule-row", { hasText: "ping != 1" }).waitFor();
});

await world.check("a maintenance is made and ended", async () => {
  await world.go("/silences");
  await page.getByRole("button", { name: "New silence" }).click();
  await page.getByRole("button", { name: "maintenance" }).click();
  await page.getByLabel("Value").fill("web1");
  await page.getByLabel("Why").fill(HOSTILE);
  await page.getByRole("button", { name: "Create" }).click();
  await page.locator(".silence-row", { hasText: "target=web1" }).getByRole("button", { name: "End now" }).click();
  await heading("Ended").waitFor();
  await page.locator(".silence-row", { hasText: HOSTILE }).waitFor();
  await unhurt();
});

await world.check("explore completes names and puts the error under its character", async () => {
  await world.go("/explore");
  const box = page.getByRole("textbox", { name: "PromQL query" });
  await box.pressSequentially("http_co");
  await page.getByRole("option", { name: /^http_code/ }).waitFor();
  await box.press("Tab");
  expect(await box.inputValue() === "http_code", `completed to ${await box.inputValue()}`);
  await box.press("Enter");
  await page.locator(".chart[data-state=good]").waitFor();
  await page.getByRole("button", { name: "Table" }).click();
  await page.locator(".result tbody tr").first().waitFor();
  await box.fill("ping pong");
  await box.press("Enter");
  await page.locator(".problem", { hasText: "1:6: parse error" }).waitFor();
  expect(await page.locator(".colours .wrong").textContent() === "pong", "the error is not under its word");
  await page.goBack();
  await until(async () => (await box.inputValue()) === "http_code", "back does not bring the query back");
});

await world.check("settings show the daemon and its kinds", async () => {
  await world.go("/settings");
  await heading("The daemon").waitFor();
  await page.locator(".kinds summary", { hasText: "HTTP request" }).click();
});

await world.check("every page in Thai by one button, kept after loading again", async () => {
  await world.go("/");
  await page.getByRole("button", { name: "ไทย" }).click();
  await page.getByRole("link", { name: "เหตุการณ์" }).waitFor();
  for (const path of PAGES) {
    await world.go(path);
    await settled();
    const english = /\b(Fleet|Incidents|Alerts|Silences|Explore|Settings|Status|Network|Memory|Rules|Search|Time)\b/;
    const text = await page.locator("main").evaluate((main) => [...main.querySelectorAll("h1, h2, h3, th, label, button, dt, .title")].map((one) => one.textContent).join("\n"));
    expect(!english.test(text.replace(/^.*[{=(].*$/gm, "")), `${path} has English: ${english.exec(text)?.[0]}`);
  }
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("link", { name: "Explore" }).waitFor();
});

await world.check("every page is clean for axe, light and dark, and fits a phone", async () => {
  for (const path of PAGES) {
    await world.go(path);
    await settled();
    await world.noViolations(`${path} light`);
    await page.evaluate(() => { document.documentElement.dataset.theme = "dark"; });
    await world.noViolations(`${path} dark`);
    await page.setViewportSize({ width: 375, height: 800 });
    await world.notTooWide(path);
    await page.setViewportSize({ width: 1280, height: 900 });
  }
});

await world.check("dark by the system's preference, and by the switch", async () => {
  await page.emulateMedia({ colorScheme: "dark" });
  await world.go("/");
  await until(async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === "dark", "the system's preference is not followed");
  await page.getByRole("button", { name: "Colours: As the system" }).click();
  await until(async () => (await page.evaluate(() => document.documentElement.dataset.theme)) === "light", "the switch does not switch");
  await page.emulateMedia({ colorScheme: "light" });
});

await world.check("the keyboard alone reaches a host, the list of keys and the pages", async () => {
  await world.go("/");
  await page.locator(".host-row", { hasText: "web1" }).waitFor();
  await page.keyboard.press("Tab");
  expect(await page.evaluate(() => document.activeElement?.className) === "skip", "the first stop is not the skip link");
  await page.keyboard.press("Shift+?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await heading("1 Status").waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("a");
  await heading("Alerts").waitFor();
});

await world.check("a page that stays open recovers from two restarts and leaks nothing", async () => {
  await world.go("/hosts/web1");
  await page.locator(".bands[data-state=good]").first().waitFor();
  await page.evaluate(() => { window.untouched = true; });
  const heap = () => page.evaluate(() => { globalThis.gc?.(); globalThis.gc?.(); return { bytes: performance.memory.usedJSHeapSize, nodes: document.querySelectorAll("*").length }; });
  const cycle = async () => {
    await please("stop");
    await page.locator(".now.bad", { hasText: "Not connected" }).waitFor();
    await please("start");
    await page.locator(".link.good", { hasText: "Connected" }).waitFor();
    await page.locator(".tile.good", { hasText: "UP" }).first().waitFor();
  };
  await cycle();
  const before = await heap();
  await cycle();
  const after = await heap();
  expect(await page.evaluate(() => window.untouched === true), "the page was loaded again");
  expect(after.bytes < before.bytes * 1.3 + 2e6, `the heap grew from ${before.bytes} to ${after.bytes}`);
  expect(after.nodes < before.nodes * 1.1 + 50, `elements grew from ${before.nodes} to ${after.nodes}`);
});

server.close();
hangUp();
world.excused.push(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|503/);
world.noise = world.noise.filter((line) => !world.excused.some((one) => one.test(line)));
process.exit(await world.end());
