// The page against real servers that break: node lab.mjs URL OUT_DIR. web2 is repaired without asking; on web1 a person has to approve.
// Breaking and mending is asked of whoever started this (`please`).
import { readFileSync } from "node:fs";
import { expect, hangUp, please, until, World } from "./world.mjs";

const [url, out] = process.argv.slice(2);
const world = await World.start(url, out);
const { page } = world;
const host = await world.open();
const pill = (text) => page.locator("main .tools .pill", { hasText: new RegExp(`^${text}$`) });
const button = (name) => page.getByRole("button", { name, exact: true });
/** The line on top, once it leads to the incident: before that it may lead to the host, which is not well yet has no incident. */
const incidentOf = (target) => page.locator('.now a[href^="/incidents/"]', { hasText: target });
const newest = async (target) => (await world.json(`/api/v1/incidents?target=${target}&limit=1`)).incidents[0];

/** From now on the page keeps every text that it shows in the line on top. */
async function keep(on) {
  await on.evaluate(() => {
    window.seen = [];
    const look = () => {
      const text = document.querySelector(".now")?.textContent;
      if (text && window.seen.at(-1) !== text) window.seen.push(text);
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
}

const seen = (on) => on.evaluate(() => window.seen?.join("\n") ?? "(the page was loaded again)");

/** What a click on one of the report's links brings. */
async function download(name) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.locator(".report").getByRole("link", { name }).click()]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

await world.check("a fault, its cause, its repair and its end appear by themselves on open pages", async () => {
  await page.goto(`${url}/`);
  await host.goto(`${url}/hosts/web2?range=15m`);
  await page.locator(".now.good", { hasText: "2 hosts watched" }).waitFor();
  await host.locator(".tile.good", { hasText: "200" }).waitFor();
  await until(async () => (await host.locator(".chain li.well").count()) === 5, "the path is not well");
  await keep(page);
  await please("break web2 app-killed");
  await incidentOf("web2").click();
  await page.locator(".bone.broken", { hasText: "web-application" }).locator(".verdict").waitFor();
  await page.locator(".card.good", { hasText: "container-start" }).getByText("done").waitFor();
  await pill("fixed").waitFor();
  await page.locator(".sentence", { hasText: "proved it from outside" }).waitFor();
  await page.locator(".now.good").waitFor();
  await until(async () => (await host.locator(".chain li.well").count()) === 5, "the path is not well again");
  await host.locator(".tile.good", { hasText: "200" }).waitFor();
  // Which phases a browser on a busy machine gets to show is chance; that it told one of them is not. What lasts only as long as this
  // repair is looked for where a fault stays: on web1.
  const now = await seen(page);
  expect(/web2.* — (Raksa|Repaired; Raksa) /.test(now), `the line on top said ${now}`);
});

await world.check("the report of that incident is downloaded in three forms", async () => {
  const incident = await world.json(`/api/v1/incidents/${(await newest("web2")).id}`);
  const words = [incident.id, incident.title, incident.cause, "docker", incident.timeline.at(-1).text];
  for (const [name, extension] of [["Markdown", "md"], ["HTML", "html"], ["JSON", "json"]]) {
    const file = await download(name);
    expect(file.name.endsWith(`.${extension}`), `it is called ${file.name}`);
    for (const word of words) expect(file.text.includes(word), `${file.name} does not say ${word}`);
    if (name === "HTML") expect(/^<!doctype html>/i.test(file.text) && !/<script/i.test(file.text), "not a plain document");
    if (name === "JSON") expect(JSON.parse(file.text).incident.steps.length === incident.steps.length, "steps are missing");
  }
});

await world.check("what a server says is shown as text, and a person acknowledges", async () => {
  await host.goto(`${url}/hosts/web1?range=15m`);
  await host.locator(".tile.good", { hasText: "200" }).waitFor();
  await until(async () => (await host.locator(".chain li.well").count()) === 5, "the path is not well");
  await keep(host);
  await page.getByRole("link", { name: "Incidents" }).click();
  await please("hostile web1");
  await page.locator(".rows").getByRole("link", { name: /web1/ }).click();
  await pill("needs human").waitFor();
  await page.locator(".card", { hasText: `unknown directive "<img` }).first().waitFor();
  await page.locator(".commands > summary").first().click();
  await world.unhurt();
  await button("Acknowledge").click();
  await page.locator(".figures", { hasText: "Acknowledged by" }).getByText("anonymous").waitFor();
  const file = await download("HTML");
  expect(file.text.includes("&lt;img") && !file.text.includes("<img"), "the report has it as an element");
});

await world.check("what is broken is red on the host's open page and in the fleet", async () => {
  await host.locator(".tile.bad .text", { hasText: /\d/ }).first().waitFor();
  await host.locator(".chain li.broken", { hasText: "nginx" }).waitFor();
  await host.locator(".now.bad", { hasText: "a person is needed" }).getByRole("link", { name: /web1/ }).waitFor();
  const now = await seen(host);
  expect(/web1.* — Raksa cannot repair this/.test(now), `the line on top said ${now}`);
  await host.locator("nav").getByRole("link", { name: "Fleet", exact: true }).click();
  await host.locator(".host-row:not(.up) .host", { hasText: "web1" }).waitFor();
});

await world.check("run again, reject, run again, approve: then, and only then, the repair runs", async () => {
  await please("mend web1");
  await button("Run again").click();
  await button("Reject").click();
  await pill("needs human").waitFor();
  expect((await world.json(`/api/v1/incidents/${(await newest("web1")).id}`)).steps.length === 0, "something was changed without a yes");
  await button("Run again").click();
  await page.locator(".now.warn", { hasText: "waits for your approval" }).waitFor();
  await world.noViolations("an incident that waits for approval");
  await button("Approve").click();
  await pill("fixed").waitFor();
  await page.locator(".timeline li", { hasText: "anonymous" }).first().waitFor();
  expect((await world.json(`/api/v1/incidents/${(await newest("web1")).id}`)).steps.some((step) => step.done), "no step was done");
});

await world.check("stop: Raksa leaves a repair that goes on to the person", async () => {
  await page.goto(`${url}/hosts/web2`);
  await please("break web2 app-dies-again");
  await incidentOf("web2").click();
  await page.getByRole("heading", { name: "Repair", exact: true }).waitFor();
  await button("Stop").click();
  await pill("needs human").waitFor();
  const { steps } = await world.json(`/api/v1/incidents/${(await newest("web2")).id}`);
  await until(async () => (await world.json("/api/v1/fleet")).targets.find((one) => one.name === "web2").status !== "up", "it does not break again");
  await new Promise((done) => setTimeout(done, 3000));
  expect(!(await newest("web2")).closed, "it ended while the application is down");
  await please("heal web2");
  await until(async () => (await newest("web2")).closed, "it does not end");
  expect((await world.json(`/api/v1/incidents/${(await newest("web2")).id}`)).steps.length === steps.length, "something was changed after the stop");
});

await world.check("every number of a host with SNMP is the API's, names that it chose are text", async () => {
  // Of a time whose samples are all stored: a rate of this second would be another when its last sample comes.
  const end = Math.floor(Date.now() / 1000) - 6;
  await page.goto(`${url}/hosts/web2?from=${end - 900}&until=${end}`);
  await page.locator(".traffic", { hasText: "<b>$(x)'\"&" }).waitFor();
  await page.locator(".label", { hasText: "<img src=x" }).first().waitFor();
  await page.locator(".chart[data-state=good]").nth(4).waitFor();
  const queries = await world.numbersAgree();
  for (const metric of ["ping", "port", "http_code", "cpu_core", "mem_total", "mem_used", "disk_total", "disk_used", "cpu_percent", "mem_percent",
    "disk_percent", "rate(bits_received", "rate(bits_sent"]) {
    expect(queries.some((query) => query.startsWith(`${metric}{`)), `no number of ${metric} is shown`);
  }
  await world.unhurt();
});

await world.check("the same in Thai", async () => {
  await page.getByRole("button", { name: "ไทย" }).click();
  for (const path of ["/", "/hosts/web2?range=15m"]) {
    await page.goto(url + path);
    await page.locator("main h1, main .host-row").first().waitFor();
    await world.noViolations(`${path} in Thai`);
  }
  const { incidents } = await world.json("/api/v1/incidents?target=web2");
  const fixed = incidents.find((one) => one.outcome === "fixed");
  await page.goto(`${url}/incidents/${fixed.id}`);
  await page.locator(".sentence", { hasText: fixed.cause_title_th }).waitFor();
  await page.locator(".bone.broken .verdict", { hasText: fixed.cause_title_th }).waitFor();
  expect(/[\u0e00-\u0e7f]/.test(fixed.cause_title_th), "the cause has no Thai title");
  await world.noViolations("an incident in Thai");
});

hangUp();
process.exit(await world.end());
