// A page left open: node long.mjs URL WEB_PORT SECONDS OUT_DIR. The daemon restarts at a third and at two thirds of the time; the
// heap after the first tenth and at the end are compared.
import { expect, hangUp, please, webServer, World } from "./world.mjs";

const [url, webPort, seconds, out] = process.argv.slice(2);
const server = await webServer(Number(webPort));
const world = await World.start(url, out);
world.excused.push(/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|503/);
const { page } = world;
const sleep = (share) => new Promise((done) => setTimeout(done, Number(seconds) * 1000 * share));
const heap = () => page.evaluate(() => { globalThis.gc?.(); globalThis.gc?.(); return performance.memory.usedJSHeapSize; });

async function restart() {
  await please("stop");
  await page.locator(".now.bad").waitFor();
  await please("start");
  await page.locator(".link.good").waitFor();
}

await world.check("a page left open recovers by itself and leaks nothing", async () => {
  await world.go("/hosts/web1?range=15m");
  await page.locator(".bands[data-state=good]").first().waitFor();
  await sleep(0.1);
  const before = await heap();
  await sleep(0.23);
  await restart();
  await sleep(0.33);
  await restart();
  await sleep(0.33);
  await page.locator(".tile.good").first().waitFor();
  const after = await heap();
  console.log(`heap ${before} before, ${after} after ${seconds} s and two restarts`);
  // The graphs of fifteen minutes fill up with samples meanwhile; a leak would go on growing.
  expect(after < before * 1.5 + 3e6, `the heap grew from ${before} to ${after}`);
});
server.close();
hangUp();
process.exit(await world.end());
