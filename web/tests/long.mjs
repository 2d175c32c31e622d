// Pages left open: node long.mjs URL WEB_PORT SECONDS OUT_DIR. The daemon restarts at a third and at two thirds of the time; what
// each page holds (heap, nodes, listeners) is read ten times, and the end is compared with the first reading.
import { expect, hangUp, please, webServer, World } from "./world.mjs";

const [url, webPort, seconds, out] = process.argv.slice(2);
const READINGS = 10;
const RESTARTS = [3, 6];
const server = await webServer(Number(webPort));
const world = await World.start(url, out);
world.excused.push(/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|503/);
const pages = { host: ["/hosts/web1?range=15m", ".tile.good"], fleet: ["/", ".host-row.up"] };

async function open() {
  const opened = {};
  for (const [name, [path, good]] of Object.entries(pages)) {
    const page = name === "host" ? world.page : await world.context.newPage();
    await page.goto(url + path);
    await page.locator(good).first().waitFor();
    const session = await world.context.newCDPSession(page);
    await session.send("Performance.enable");
    opened[name] = { page, session, good };
  }
  return opened;
}

/** What a page holds after its garbage is gone. */
async function held({ session }) {
  await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const of = (name) => metrics.find((one) => one.name === name).value;
  return { heap: of("JSHeapUsedSize"), nodes: of("Nodes"), listeners: of("JSEventListeners") };
}

async function restart(opened) {
  await please("stop");
  for (const { page } of Object.values(opened)) await page.locator(".now.bad").waitFor();
  await please("start");
  for (const { page, good } of Object.values(opened)) {
    await page.locator(".link.good").waitFor();
    await page.locator(good).first().waitFor();
  }
}

await world.check("pages left open recover by themselves and leak nothing", async () => {
  const opened = await open();
  const first = {};
  const begun = Date.now();
  for (let turn = 1; turn <= READINGS; turn += 1) {
    await new Promise((done) => setTimeout(done, Math.max(0, begun + (Number(seconds) * 1000 * turn) / READINGS - Date.now())));
    for (const [name, one] of Object.entries(opened)) {
      const now = await held(one);
      first[name] ??= now;
      console.log(JSON.stringify({ reading: turn, page: name, seconds: Math.round((Date.now() - begun) / 1000), ...now }));
      // The graphs of fifteen minutes fill up with samples meanwhile; a leak would go on growing.
      if (turn === READINGS) {
        for (const [what, room] of [["heap", 2e6], ["nodes", 500], ["listeners", 100]]) {
          expect(now[what] < first[name][what] * 1.25 + room, `${name}: ${what} grew from ${first[name][what]} to ${now[what]}`);
        }
      }
    }
    if (RESTARTS.includes(turn)) await restart(opened);
  }
});
server.close();
hangUp();
process.exit(await world.end());
