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

export async function login(page, name, token) {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
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

const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40, "kb/s": 1e3, "Mb/s": 1e6, "Gb/s": 1e9 };

/** Whether a number with its unit, rounded for people, says a value. */
function closeTo(text, value) {
  const unit = Object.keys(UNITS).find((name) => text.includes(name));
  const number = Number(text.replace(/[^\d.-]/g, "")) * (unit ? UNITS[unit] : 1);
  return Math.abs(number - value) <= Math.max(text.includes("b/s") && !unit ? 0.51 : 0.06, Math.abs(value) * 0.006);
}

/** What stands for the page's own code in every hostile text: were it run, or made an element, `unhurt` would know. */
export const HOSTILE = `<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>`;

export class World {
  failed = 0;
  noise = [];
  /** Errors that a check causes itself. */
  excused = [/^Failed to load resource.*(404|401|400|409)/];

  /** `options`: of every browser context. */
  static async start(url, out, options = {}) {
    const world = new World();
    world.options = options;
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
    this.context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", reducedMotion: "reduce", ...this.options, ...options });
    this.context.setDefaultTimeout(SOON);
    this.page = await this.open();
    return this.page;
  }

  /** One more page of the same browser. */
  async open() {
    const page = await this.context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" && !this.excused.some((one) => one.test(message.text()))) this.noise.push(message.text());
    });
    page.on("pageerror", (error) => this.noise.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(this.url) && !request.url().startsWith("data:")) this.noise.push(`request to ${request.url()}`);
    });
    return page;
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

  async unhurt(page = this.page) {
    expect(await page.evaluate(() => window.hurt === undefined && !document.querySelector("img[src='x']")), "text became an element");
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

  /** Every number on the host page against the API's answer for the same query and time; gives the queries. */
  async numbersAgree() {
    const shown = await this.page.locator("[data-query]").evaluateAll((elements) => elements.map((element) => ({
      ...element.dataset, text: ((element.querySelector(".text, dd") ?? element).textContent ?? "").trim(),
    })));
    for (const { query, time, value, labels, text } of shown) {
      const answer = await this.json(`/api/v1/query?${new URLSearchParams({ query, time })}`);
      const wanted = Object.entries(JSON.parse(labels));
      const found = answer.data.result.filter(({ metric }) => wanted.every(([name, label]) => metric[name] === label));
      expect(found.length === 1, `${query} ${labels} gives ${found.length} series`);
      expect(Number(found[0].value[1]) === Number(value), `${query} at ${time}: the page has ${value}, the API ${found[0].value[1]}`);
      const right = ["UP", "DOWN"].includes(text) ? text === (Number(value) === 1 ? "UP" : "DOWN") : closeTo(text, Number(value));
      expect(right, `${query}: "${text}" is shown for ${value}`);
    }
    return shown.map((one) => one.query);
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
