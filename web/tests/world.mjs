// What the page's tests share: a Chromium that watches for noise, checks that are told one a line, axe, a web server to break.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Generous, since other work may run on the machine; what is waited for comes much sooner. */
export const SOON = 40000;

export function expect(value, text) {
  if (!value) {
    throw new Error(text);
  }
}

/** Waits until `look` gives something true, and gives that. */
export async function until(look, text, limit = SOON) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await look();
    if (value) {
      return value;
    }
    expect(Date.now() < end, `${text}: not within ${limit / 1000} s`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** The web server that the daemon watches; `state.status` is what it answers. */
export async function webServer(port) {
  const state = { status: 200 };
  const server = createServer((_request, response) => {
    response.writeHead(state.status);
    response.end("hello");
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  state.close = () => server.close();
  return state;
}

export class World {
  failed = 0;
  noise = [];
  /** Errors that a check causes itself. */
  excused = [/^Failed to load resource.*(404|401|400|409)/];

  static async start(url, out) {
    const world = new World();
    world.url = url;
    world.out = out;
    world.browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--disable-dev-shm-usage", "--js-flags=--expose-gc", "--enable-precise-memory-info"],
    });
    await world.fresh();
    return world;
  }

  /** A page without a memory: no language, no theme, no cookie. */
  async fresh(options = {}) {
    await this.context?.close();
    this.context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", reducedMotion: "reduce", ...options });
    this.context.setDefaultTimeout(SOON);
    this.page = await this.context.newPage();
    this.page.on("console", (message) => {
      if (message.type() === "error" && !this.excused.some((one) => one.test(message.text()))) this.noise.push(message.text());
    });
    this.page.on("pageerror", (error) => this.noise.push(String(error)));
    this.page.on("request", (request) => {
      if (!request.url().startsWith(this.url) && !request.url().startsWith("data:")) this.noise.push(`request to ${request.url()}`);
    });
    return this.page;
  }

  async check(name, body) {
    const began = Date.now();
    try {
      await body(this.page);
      console.log(JSON.stringify({ check: name, result: "ok", seconds: (Date.now() - began) / 1000 }));
    } catch (error) {
      this.failed += 1;
      await this.page.screenshot({ path: `${this.out}/failed-${this.failed}.png` }).catch(() => {});
      console.log(JSON.stringify({ check: name, result: "failed", text: String(error.stack ?? error).slice(0, 1500) }));
    }
  }

  go(path) {
    return this.page.goto(this.url + path);
  }

  /** The page's own policy forbids added scripts, so axe comes in by the debugging protocol. */
  async noViolations(where) {
    const session = await this.context.newCDPSession(this.page);
    await session.send("Runtime.evaluate", { expression: axe });
    const result = await session.send("Runtime.evaluate", {
      expression: "axe.run().then((r) => JSON.stringify(r.violations.map((v) => `${v.id}: ${v.nodes.length} ${v.nodes[0].html} ${v.nodes[0].failureSummary}`)))",
      awaitPromise: true, returnByValue: true,
    });
    await session.detach();
    const violations = JSON.parse(result.result.value);
    expect(violations.length === 0, `${where}: ${violations.join("\n")}`);
  }

  async notTooWide(where) {
    const wide = () => this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await until(async () => (await wide()) <= 0, `${where} is too wide`, 5000);
  }

  async json(path, init) {
    const response = await this.context.request.fetch(this.url + path, init);
    expect(response.ok(), `${path}: ${response.status()} ${(await response.text()).slice(0, 300)}`);
    return response.json();
  }

  /** Every number on the host page against the API's answer for the same series and the time of the sample. */
  async numbersAgree(target) {
    const shown = await this.page.locator("[data-metric][data-time]").evaluateAll((elements) => elements.map((element) => ({
      metric: element.dataset.metric, labels: JSON.parse(element.dataset.labels), value: element.dataset.value, time: element.dataset.time,
      text: (element.querySelector(".text, dd")?.textContent ?? "").trim(),
    })));
    for (const one of shown) {
      const labels = Object.entries({ target, ...one.labels }).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",");
      const query = `${one.metric}{${labels}}`;
      const time = Date.parse(one.time) / 1000;
      const answer = await this.json(`/api/v1/query?${new URLSearchParams({ query, time: `${time}` })}`);
      expect(answer.data.result.length === 1, `${query} gives ${answer.data.result.length} series`);
      expect(Number(answer.data.result[0].value[1]) === Number(one.value), `${query} at ${one.time}: the page has ${one.value}, the API ${answer.data.result[0].value[1]}`);
      const number = Number(one.text.replace(/[^\d.-]/g, ""));
      const scale = /KiB/.test(one.text) ? 2 ** 10 : /MiB/.test(one.text) ? 2 ** 20 : /GiB/.test(one.text) ? 2 ** 30 : 1;
      const right = ["UP", "DOWN"].includes(one.text) ? one.text === (Number(one.value) === 1 ? "UP" : "DOWN")
        : Math.abs(number * scale - Number(one.value)) <= Math.max(0.06, Math.abs(Number(one.value)) * 0.006);
      expect(right, `${query}: "${one.text}" is shown for ${one.value}`);
    }
    return shown.length;
  }

  async end() {
    await this.check("nothing in the console, no request elsewhere", async () => expect(this.noise.length === 0, this.noise.slice(0, 5).join("\n")));
    await this.browser.close();
    return this.failed > 0 ? 1 : 0;
  }
}

const lines = createInterface({ input: process.stdin });
const waiting = [];
lines.on("line", (line) => waiting.shift()?.(line));

/** Asks whoever started the test for something (`restart`, `break`) and waits until that is done. */
export function please(what) {
  console.log(JSON.stringify({ please: what }));
  return new Promise((done) => waiting.push(done));
}

export function hangUp() {
  lines.close();
}
