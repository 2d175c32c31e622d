// Takes the pictures of docs/pictures/ from a running daemon (the lab's): node pictures.mjs URL OUT_DIR. The newest incident that
// was fixed is the one that is shown.
import { chromium } from "playwright-core";

const [url, out] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const { incidents } = await (await fetch(`${url}/api/v1/incidents?limit=100`)).json();
const fixed = incidents.find((one) => one.outcome === "fixed") ?? incidents[0];
const target = fixed?.target ?? "web1";
const all = [
  ["fleet", "/", {}], ["fleet-dark", "/", { dark: true }], ["fleet-phone", "/", { phone: true }], ["fleet-thai", "/", { thai: true }],
  ["host", `/hosts/${target}?range=15m`, {}], ["host-dark", `/hosts/${target}?range=15m`, { dark: true }],
  ["host-thai", `/hosts/${target}?range=15m`, { thai: true }], ["host-phone", `/hosts/${target}?range=15m`, { phone: true }],
  ["incidents", "/incidents", {}], ["incident", `/incidents/${fixed?.id}`, {}], ["incident-dark", `/incidents/${fixed?.id}`, { dark: true }],
  ["incident-thai", `/incidents/${fixed?.id}`, { thai: true }], ["incident-phone", `/incidents/${fixed?.id}`, { phone: true }],
  ["alerts", "/alerts", {}], ["silences", "/silences?new=1", {}], ["explore", "/explore?q=rate(bits_received{interface!=\"lo\"}[1m])&range=15m", {}],
  ["settings", "/settings", {}], ["status", "/status", {}], ["login", "/", { login: true }],
];
for (const [name, path, { dark, phone, thai, login }] of all) {
  const context = await browser.newContext({
    viewport: phone ? { width: 375, height: 760 } : { width: 1280, height: 800 }, locale: thai ? "th-TH" : "en-GB", timezoneId: "Asia/Bangkok",
    colorScheme: dark ? "dark" : "light", reducedMotion: "reduce",
  });
  const page = await context.newPage();
  if (login) {
    // As an address that asks for a login answers.
    await page.route("**/api/v1/session", (route) => route.fulfill({ json: { user: "", role: "", login: true, csrf: "" } }));
  }
  await page.goto(url + path);
  await page.locator("main h1").waitFor();
  await page.waitForTimeout(2500);
  await page.screenshot({ path: `${out}/${name}.png` });
  await context.close();
}
await browser.close();
