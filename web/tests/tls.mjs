// The page over TLS: node tls.mjs URL OPERATOR_TOKEN OUT_DIR. What the cookie of a login is, and that all of the page works with it.
import { expect, hangUp, login, World } from "./world.mjs";

const [url, token, out] = process.argv.slice(2);
const world = await World.start(url, out, { ignoreHTTPSErrors: true });

await world.check("a login over TLS gives a cookie that is bound to this very host", async (page) => {
  await world.go("/");
  await login(page, "malee", token);
  await page.locator(".user", { hasText: "malee" }).waitFor();
  const cookies = await world.context.cookies();
  expect(cookies.length === 1, `${cookies.length} cookies`);
  const { name, path, secure, httpOnly, sameSite } = cookies[0];
  expect(name === "__Host-raksa" && path === "/" && secure && httpOnly && sameSite === "Strict", JSON.stringify({ name, path, secure, httpOnly, sameSite }));
  expect(await page.evaluate(() => document.cookie) === "", "a script can read it");
});

await world.check("events come, and what changes something is taken", async (page) => {
  await page.locator(".link.good").waitFor();
  await page.locator(".host-row.up", { hasText: "web1" }).waitFor();
  await world.go("/silences?new=1&target=web1");
  await page.getByLabel("Why").fill("work");
  await page.getByRole("button", { name: "Create" }).click();
  await page.locator(".silence-row", { hasText: "malee" }).waitFor();
});

await world.check("logging out takes the cookie away", async (page) => {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("button", { name: "Log in" }).waitFor();
  expect((await world.context.cookies()).length === 0, "the cookie is still there");
});

hangUp();
process.exit(await world.end());
