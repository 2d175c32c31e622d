#!/usr/bin/env python3
"""What taking in samples costs: the same fleet's values, at the same time, in Raksa, Prometheus, VictoriaMetrics (all three scrape one
page), InfluxDB and carbon (both are sent lines). Prints CPU and memory of each with ratios. The source's table is
`--minutes 60` (1,000 metrics every 10 s); `--series 100000 --interval 5 --minutes 10 --only Raksa,Prometheus,VictoriaMetrics` is the large one.
--write NAME keeps the table and a plot below docs/."""
import argparse
import http.server
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import plot
from peers import ROOT, Processes, carbon, figures, folder_bytes, influx, prometheus, raksa, table, victoria, wait_for

FEED = ROOT / "build/release/bench/feed"


class Feed:
    """Serves the newest page and sends the same values to those that want lines."""

    def __init__(self, hosts, interval, page_only):
        argv = [FEED, "--hosts", str(hosts), "--step", str(interval)] + (["--page-only"] if page_only else [])
        self.maker = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.page, self.served, self.interval, self.stopping = b"", 0, interval, threading.Event()
        self.influx = self.carbon = self.stream = self.problem = None
        feed = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                page = feed.page
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)
                feed.served += 1

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.tick()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def text(self):
        return self.maker.stdout.read(int(self.maker.stdout.readline()))

    def tick(self):
        self.maker.stdin.write(b"%d\n" % int(time.time()))
        self.maker.stdin.flush()
        self.page, lines, graphite = self.text(), self.text(), self.text()
        if self.influx:
            status, body = self.influx.request("POST", "/write?db=fleet&precision=s", lines)
            assert status == 204, body[:300]
        if self.carbon:
            if self.stream is None:
                self.stream = socket.create_connection(("127.0.0.1", self.carbon.port))
            self.stream.sendall(graphite)

    def run(self):
        due = time.monotonic()
        try:
            while not self.stopping.wait(max(0, due - time.monotonic())):
                self.tick()
                due += self.interval
        except Exception as error:  # noqa: BLE001: told by the main thread
            self.problem = error

    def start(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def end(self):
        self.stopping.set()
        self.server.shutdown()
        self.maker.stdin.close()
        self.maker.wait()


def contestants(names, directory, feed, interval):
    """The servers by name, in the order of the table."""
    scrape = (f"scrape_configs: [{{job_name: feed, scrape_interval: {interval}s, scrape_timeout: {interval}s, "
              f"static_configs: [{{targets: ['127.0.0.1:{feed.port}']}}]}}]\n")
    target = (f"  - {{name: feed, address: 127.0.0.1, ping: false, interval: {interval}s, timeout: {min(interval - 1, 5)}s, "
              f"probes: [{{prometheus: {{url: 'http://127.0.0.1:{feed.port}/metrics', sample_limit: 1000000}}}}]}}")
    makers = {"Raksa": lambda d: raksa(directory, d, target), "Prometheus": lambda d: prometheus(directory, d, scrape),
              "VictoriaMetrics": lambda d: victoria(directory, d, scrape), "InfluxDB": influx,
              "carbon": lambda d: carbon(directory, d, interval)}
    return {name: makers[name](directory / name) for name in names}


def start(server, processes, feed):
    if server.name == "carbon":
        server.launch(processes)
        if not wait_for(lambda: socket.create_connection(("127.0.0.1", server.port)).close() or True, 60):
            raise SystemExit("carbon does not start")
        feed.carbon = server
        return
    server.start(processes)
    if server.name == "InfluxDB":
        server.request("POST", "/query?q=CREATE+DATABASE+fleet")
        feed.influx = server


def measure(servers, feed, seconds, every):
    """Samples of each: (seconds since the beginning, CPU seconds since then, resident bytes)."""
    began = time.monotonic()
    first = {name: figures(s.process.pid)[0] for name, s in servers.items()}
    out = {name: [] for name in servers}
    while True:
        passed = time.monotonic() - began
        for name, server in servers.items():
            if server.process.poll() is not None:
                raise SystemExit(f"{name} ended with {server.process.returncode}")
            cpu, resident = figures(server.process.pid)
            out[name].append((passed, cpu - first[name], resident))
        if feed.problem:
            raise feed.problem
        if passed >= seconds:
            return out
        time.sleep(min(every, seconds - passed + 0.01))


def check(servers, series, directory):
    """Everyone must have all series, or the race was none."""
    got = {}
    for name, server in servers.items():
        if name in ("Raksa", "Prometheus", "VictoriaMetrics"):
            result = json.loads(server.get("/api/v1/query?query=count(%7Bhost!=%22%22%7D)")[1])["data"]["result"]
            got[name] = int(float(result[0]["value"][1])) if result else 0
        elif name == "InfluxDB":
            answer = json.loads(server.get("/query?db=fleet&q=SHOW+SERIES+CARDINALITY")[1])
            got[name] = answer["results"][0]["series"][0]["values"][0][0]
        else:
            got[name] = sum(1 for _ in (directory / name).rglob("fleet/**/*.wsp"))
    if any(count != series for count in got.values()):
        raise SystemExit(f"not everyone has {series} series: {got}")


def report(samples, series, interval, directory):
    base = next((n for n in samples if n == "Prometheus"), next(iter(samples)))
    rows, cost = [], {}
    for name, points in samples.items():
        seconds, cpu = points[-1][0], points[-1][1]
        resident = statistics.median(p[2] for p in points) / 2**20
        cost[name] = (cpu, resident)
        rows.append([name, f"{cpu / seconds * 3600:.2f}", f"{100 * cpu / seconds:.3f}", f"{cpu / (series * seconds / interval) * 1e6:.3f}",
                     f"{cpu / max(cost_of(samples, base), 1e-9):.2f}", f"{resident:.1f}", f"{max(p[2] for p in points) / 2**20:.1f}",
                     f"{folder_bytes(directory / name) / 2**20:.1f}"])
    head = ["", "CPU s an hour", "% of a core", "CPU us a sample", f"CPU to {base}'s", "MiB resident, median", "most", "MiB on disk"]
    return head, rows


def cost_of(samples, name):
    return samples[name][-1][1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--interval", type=int, default=10, help="seconds")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--settle", type=float, default=30, help="seconds before the measurement begins")
    parser.add_argument("--only", default="Raksa,Prometheus,VictoriaMetrics,InfluxDB,carbon")
    parser.add_argument("--write", metavar="NAME", help="write docs/results/NAME.md and docs/pictures/NAME.svg")
    args = parser.parse_args()
    names = args.only.split(",")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="raksa-bench-"))
    processes = Processes(directory)
    feed = Feed(args.series // 10, args.interval, not {"InfluxDB", "carbon"} & set(names))
    try:
        servers = contestants(names, directory, feed, args.interval)
        for server in servers.values():
            start(server, processes, feed)
        feed.start()
        time.sleep(args.settle)
        samples = measure(servers, feed, args.minutes * 60, max(5, args.interval))
        check(servers, args.series, directory)
        title = f"{args.series:,} series every {args.interval} s for {args.minutes:g} minutes"
        head, rows = report(samples, args.series, args.interval, directory)
        print(f"{title}, after {args.settle:g} s to settle; all at the same time, fed the same values")
        table(head, rows)
        if args.write:
            keep(args, title, head, rows, samples)
    finally:
        feed.end()
        processes.end()
        shutil.rmtree(directory, ignore_errors=True)


def keep(args, title, head, rows, samples):
    lines = ["| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows]]
    command = (f"python3 bench/ingest.py --series {args.series} --interval {args.interval} --minutes {args.minutes:g} --only {args.only} "
               f"--write {args.write}")
    (ROOT / f"docs/results/{args.write}.md").write_text(
        f"# {title}\n\nAll at the same time on one machine, fed the same values. `{command}`\n\n" + "\n".join(lines) +
        f"\n\n![CPU and memory](../pictures/{args.write}.svg)\n")
    (ROOT / "docs/pictures").mkdir(exist_ok=True)
    curves = [("CPU seconds since the beginning", {n: [(p[0] / 60, p[1]) for p in ps] for n, ps in samples.items()}),
              ("MiB resident", {n: [(p[0] / 60, p[2] / 2**20) for p in ps] for n, ps in samples.items()})]
    (ROOT / f"docs/pictures/{args.write}.svg").write_text(plot.svg(title, "minutes", curves))


if __name__ == "__main__":
    main()
