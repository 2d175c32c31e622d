// Who may do what on the page, and what everybody sees: node login.mjs URL READER_TOKEN OPERATOR_TOKEN OUT_DIR. The daemon asks
// for a token everywhere and has a status page.
import { expect, hangUp, login, until, World } from "./world.mjs";

const [url, reader, operator, out] = process.argv.slice(2);
const world = await World.start(url, out);

await world.check("without a login there is the form and nothing else", async (page) => {
  await world.go("/hosts/web1");
  await page.getByRole("button", { name: "Log in" }).waitFor();
  expect(!(await page.content()).includes("127.0.0.1"), "something of the host is shown");
  await world.noViolations("the form");
});

await world.check("a wrong token is refused in words", async (page) => {
  await login(page, "somchai", "wrong");
  await page.getByRole("alert").getByText("do not belong together").waitFor();
});

await world.check("who may read sees everything and has no buttons", async (page) => {
  await login(page, "somchai", reader);
  await page.getByRole("heading", { name: "1 Status" }).waitFor();
  await page.locator(".user", { hasText: "somchai" }).waitFor();
  await world.go("/silences");
  await page.getByRole("heading", { name: "Silences and maintenance" }).waitFor();
  await page.getByText("Nothing is silent.").waitFor();
  expect(await page.getByRole("button", { name: "New silence" }).count() === 0, "a reader may make a silence");
});

await world.check("logging out shows the form again", async (page) => {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("button", { name: "Log in" }).waitFor();
});

await world.check("who may operate makes a silence, with the page's proof against other sites", async (page) => {
  await login(page, "malee", operator);
  await page.locator(".user", { hasText: "malee" }).waitFor();
  await world.go("/silences");
  await page.getByRole("button", { name: "New silence" }).click();
  await page.getByLabel("Value").fill("web1");
  await page.getByLabel("Why").fill("work");
  await page.getByRole("button", { name: "Create" }).click();
  await page.locator(".silence-row", { hasText: "malee" }).waitFor();
});

await world.check("settings show the configuration and no secret", async (page) => {
  await world.go("/settings");
  await page.locator(".config", { hasText: "targets" }).waitFor();
  await page.locator(".kinds summary", { hasText: "HTTP request" }).click();
  expect(!(await page.content()).includes("hush-hush"), "a secret is shown");
  await world.noViolations("settings");
});

await world.check("the status page is everybody's and names no host", async () => {
  const page = await world.fresh();
  await world.go("/status");
  await page.getByRole("heading", { name: "Our shop" }).waitFor();
  await page.locator(".application", { hasText: "Shop & Co" }).waitFor();
  await page.locator(".days").waitFor();
  expect(await page.locator(".days span").count() === 90, "not 90 days");
  const content = await page.content();
  expect(!content.includes("web1") && !content.includes("127.0.0.1"), "a host is named");
  await world.noViolations("the status page");
  await page.getByRole("button", { name: "ไทย" }).click();
  await until(async () => (await page.locator(".overall").textContent())?.match(/[\u0e00-\u0e7f]/), "no Thai");
  await page.setViewportSize({ width: 375, height: 800 });
  await world.notTooWide("the status page");
});

hangUp();
process.exit(await world.end());
