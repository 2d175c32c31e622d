// A stand-in for the daemon, for measuring the page: serves the built page and an API with so many made-up hosts, which change
// every five seconds as real ones do. node fake.mjs [--hosts N] [--port P] [--dist DIR] prints its address.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const HOUR = 3600;

/** Numbers that look random and are the same each time. */
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const iso = (ms) => new Date(ms).toISOString();
const SITES = ["bangkok", "chiang-mai", "phuket", "khon-kaen", "singapore"];

function incident(name, id, opened) {
  return {
    id, target: name, title: `${name}: http_code 500`, state: "acting", outcome: "", severity: "critical", opened: iso(opened), acted: null,
    verified: null, closed: null, duration_seconds: 12.3, cause: "container-killed", cause_title: "The container was killed",
    cause_title_th: "คอนเทนเนอร์ถูกฆ่าด้วย SIGKILL", component: "container:web-database", acknowledged_by: "", needs_approval: false,
  };
}

function target(index, count) {
  const roll = dice(index + 7);
  const now = Date.now();
  const name = `web-${String(index + 1).padStart(4, "0")}`;
  const status = index % 211 === 17 ? "down" : index % 83 === 9 ? "degraded" : "up";
  const time = iso(now);
  const value = (metric, amount, labels = {}) => ({ name: metric, labels, value: amount, time });
  const well = status !== "down";
  const cpu = status === "degraded" ? 91.3 : Math.round(roll() * 600) / 10;
  return {
    name, address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, url: `http://${name}.example/`,
    labels: { site: SITES[index % SITES.length], tier: index % 3 ? "web" : "api" },
    application: ["firewall", "nginx", "docker", "container:web-application", "container:web-database"],
    status, reason: status === "down" ? "http_code 500" : status === "degraded" ? "cpu_percent 91.3" : "",
    since: iso(now - roll() * 9e8), last_probe: time, interval_seconds: 5, recovery_mode: "auto",
    probes: [{ name: "icmp", kind: "icmp", success: true, reason: "", time, took_seconds: 0.001 },
      { name: "http", kind: "http", success: well, reason: "", time, took_seconds: 0.02 }],
    values: [value("ping", 1), value("port", 1, { port: "80" }), value("port", 1, { port: "443" }), value("http_code", well ? 200 : 500),
      value("cpu_percent", cpu), value("mem_percent", Math.round(roll() * 700) / 10), value("disk_percent", Math.round(roll() * 750) / 10, { path: "/" }),
      value("cpu_core", 4), value("mem_total", 8 * 2 ** 30), value("mem_used", 3 * 2 ** 30), value("disk_total", 64 * 2 ** 30, { path: "/" }),
      value("disk_used", 20 * 2 ** 30, { path: "/" })],
    alerts: status === "degraded" ? [{ fingerprint: `f${index}`, name: "CpuHigh", state: "firing", severity: "warning", labels: { metric: "cpu_percent" },
      annotations: {}, value: cpu, starts_at: time, ends_at: null, source: "rule" }] : [],
    incident: status === "down" ? incident(name, `01K0000000000000000000${String(index).padStart(4, "0")}`, now - 12300) : null,
    count,
  };
}

function fleet(count) {
  const targets = Array.from({ length: count }, (_, index) => target(index, count));
  const of = (status) => targets.filter((row) => row.status === status).length;
  return {
    time: iso(Date.now()), targets,
    summary: { targets: count, up: of("up"), degraded: of("degraded"), down: of("down"), unknown: 0, alerts: of("degraded"), incidents: of("down") },
  };
}

/** As the daemon orders them for a page's first screen. */
function worst(targets) {
  const rank = (row) => ["down", "degraded", "unknown", "up"].indexOf(row.status) * 2 + (row.incident ? 0 : 1);
  return [...targets].sort((a, b) => rank(a) - rank(b));
}

/** A wave with noise, the same for the same series and time. */
function wave(seed, at) {
  return 35 + 18 * Math.sin(at / 1700 + seed) + 9 * Math.sin(at / 271 + seed * 3) + ((at * 7919 + seed * 104729) % 13) / 2;
}

function series(labels, seed, start, end, step, of) {
  const values = [];
  for (let at = start; at <= end; at += step) {
    values.push([at, String(Math.round(of(seed, at) * 100) / 100)]);
  }
  return { metric: labels, values };
}

/** Series for what the page asks: by metric, for one host or for all. */
function answer(expr, start, end, step, count) {
  const one = /target="([^"]*)"/.exec(expr)?.[1];
  const names = one ? [one] : Array.from({ length: count }, (_, index) => target(index, count).name);
  const metrics = [/(\w+)\{/.exec(expr)?.[1] ?? expr];
  return names.flatMap((name, seed) => metrics.flatMap((metric) => {
    const state = metric === "ping" || metric === "port" ? () => 1 : metric === "http_code" ? (_s, at) => (at % 43200 < 60 ? 500 : 200) : null;
    const labels = { __name__: metric, target: name };
    if (metric === "port") {
      return ["80", "443"].map((port) => series({ ...labels, port }, seed, start, end, step, state));
    }
    if (metric.startsWith("bits_")) {
      return ["eth0", "lo"].map((name, index) => series({ ...labels, interface: name }, seed + index, start, end, step, (s, at) => wave(s, at) * 40000));
    }
    return [series(metric === "disk_percent" ? { ...labels, path: "/" } : labels, seed + metric.length, start, end, step, state ?? wave)];
  }));
}

function json(request, response, body, status = 200) {
  const plain = Buffer.from(JSON.stringify(body));
  const zipped = plain.length > 1400 && /gzip/.test(request.headers["accept-encoding"] ?? "");
  response.writeHead(status, { "Content-Type": "application/json", ...(zipped ? { "Content-Encoding": "gzip" } : {}) });
  response.end(zipped ? gzipSync(plain, { level: 1 }) : plain);
}

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'";

function file(dist, path, response) {
  const named = join(dist, path);
  const found = extname(path) && existsSync(named) ? named : join(dist, "index.html");
  response.writeHead(200, { "Content-Type": TYPES[extname(found)] ?? "application/octet-stream", "Content-Security-Policy": POLICY });
  createReadStream(found).pipe(response);
}

/** Every host's new values, spread over five seconds. */
function events(response, state) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const send = (name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  send("hello", { version: "fake", time: iso(Date.now()) });
  let next = 0;
  const each = Math.max(1, Math.ceil(state.targets.length / 50));
  const timer = setInterval(() => {
    for (let done = 0; done < each && state.targets.length > 0; done += 1) {
      const row = state.targets[next % state.targets.length];
      next += 1;
      const values = row.values.map(({ name, labels, value }) => ({ name, labels, value: name === "cpu_percent" ? Math.round(wave(next, Date.now() / 1000) * 10) / 10 : value }));
      send("sample", { target: row.name, time: iso(Date.now()), values });
    }
  }, 100);
  response.on("close", () => clearInterval(timer));
}

/** Starts the stand-in; gives its address and how to end it. */
export async function start({ hosts = 1000, port = 0, dist }) {
  const state = fleet(hosts);
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece) => { body += piece; });
    request.on("end", () => {
      const { pathname, searchParams } = new URL(request.url, "http://localhost");
      const form = new URLSearchParams(body);
      const number = (name) => Number(form.get(name));
      const targetName = /^\/api\/v1\/targets\/(.+)$/.exec(pathname)?.[1];
      if (pathname === "/api/v1/fleet") {
        const first = Number(searchParams.get("first"));
        json(request, response, first ? { ...state, targets: worst(state.targets).slice(0, first) } : state);
      } else if (pathname === "/api/v1/events") {
        events(response, state);
      } else if (targetName) {
        const row = state.targets.find((one) => one.name === decodeURIComponent(targetName));
        json(request, response, { ...row, ports: [80, 443], snmp: true, ssh: true, incidents: row.incident ? [row.incident] : [],
          thresholds: [["ping", "!=", 1], ["port", "!=", 1], ["http_code", "!=", 200], ["cpu_percent", ">", 80], ["mem_percent", ">", 80], ["disk_percent", ">", 80]]
            .map(([metric, op, value]) => ({ metric, op, value, rule: metric })) });
      } else if (pathname === "/api/v1/query_range") {
        json(request, response, { status: "success", data: { resultType: "matrix", result: answer(form.get("query"), number("start"), number("end"), number("step"), hosts) } });
      } else if (pathname === "/api/v1/query") {
        const seconds = Number(/\[(\d+)s\]$/.exec(form.get("query"))?.[1] ?? HOUR);
        const end = Math.floor(number("time") / 5) * 5;
        json(request, response, { status: "success", data: { resultType: "matrix", result: answer(form.get("query"), end - seconds, end, 5, hosts) } });
      } else if (pathname === "/api/v1/session") {
        json(request, response, { user: "anonymous", role: "operate", login: false, csrf: "" });
      } else if (pathname.startsWith("/api/")) {
        json(request, response, { status: "error", errorType: "not_found", error: "the stand-in has no such endpoint" }, 404);
      } else {
        file(dist, pathname, response);
      }
    });
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => { server.closeAllConnections?.(); server.close(); } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, usual) => (process.argv.includes(`--${name}`) ? process.argv[process.argv.indexOf(`--${name}`) + 1] : usual);
  const { url } = await start({ hosts: Number(option("hosts", 1000)), port: Number(option("port", 0)), dist: option("dist", "dist") });
  console.log(url);
}
