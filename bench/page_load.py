#!/usr/bin/env python3
"""The source's load test of the page: 400 graphs open at once with updates every 5 s. Prints the daemon's CPU and memory while they are
drawn, beside the source's figures of Grafana, Zabbix and Chronograf; --write puts the table into docs/results/page-load.md.

Each graph asks query_range for the last hour once and for the last minute every 5 s, as an open page does; 10 graphs share one page, and
each page holds a stream of events. The asking processes are not counted, only the daemon."""
import argparse
import http.client
import multiprocessing
import os
import socket
import sys
import time
import urllib.parse

from peers import ROOT, figures, wait_for
from raksa_daemon import Daemon

PER_PAGE = 10
# The source's table: 60 minutes of 400 graphs on 16 cores and 16 GB, means in percent of the whole machine.
SOURCE = (("Chronograf with InfluxDB", 3.58, 2.16), ("Zabbix", 7.57, 1.31), ("Grafana with Prometheus", 0.69, 0.55))
SOURCE_CORES, SOURCE_BYTES = 16, 16 * 2**30


def config(hosts):
    rows = "".join(f"  - {{name: h{i}, address: 127.0.{1 + i // 200}.{1 + i % 200}, ports: [{{port}}, 1]}}\n" for i in range(hosts))
    return ("listen: 127.0.0.1:{port}\ndata_dir: {dir}/data\ndefaults: {interval: 5s, timeout: 1s}\ntargets:\n" + rows +
            f"rules: [{ROOT}/rules/default.yaml]\n")


class Page:
    """One open page: its connection, its graphs, its stream of events."""

    def __init__(self, port, exprs, first):
        self.port, self.exprs, self.next = port, exprs, first
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.events = socket.create_connection(("127.0.0.1", port), 10)
        self.events.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n")
        self.events.setblocking(False)
        self.span = 3600

    def drain(self):
        got = 0
        try:
            while data := self.events.recv(1 << 20):
                got += len(data)
        except BlockingIOError:
            return got
        raise AssertionError("the daemon ended a stream of events")

    def draw(self):
        """Asks for every graph; gives the seconds of each answer."""
        took = []
        end = int(time.time())
        for expr in self.exprs:
            query = urllib.parse.urlencode({"query": expr, "start": end - self.span, "end": end, "step": 15 if self.span > 60 else 5})
            began = time.perf_counter()
            self.connection.request("GET", "/api/v1/query_range?" + query, headers={"Accept-Encoding": "gzip"})
            answer = self.connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise AssertionError(f"{expr}: {answer.status}")
            took.append(time.perf_counter() - began)
        self.span = 60
        return took


def client(port, pages, since, until, out):
    """Draws its pages, each every 5 s, spread over them; sends what it saw from `since` on through the pipe."""
    took, events, late = [], 0, 0.0
    start = time.monotonic()
    open_pages = [Page(port, exprs, start + 5 * i / len(pages)) for i, exprs in enumerate(pages)]
    while time.monotonic() < until:
        page = min(open_pages, key=lambda p: p.next)
        wait = page.next - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        answers, got = page.draw(), page.drain()
        if time.monotonic() >= since:
            late = max(late, -wait)
            took += answers
            events += got
        page.next = max(page.next + 5, time.monotonic() - 5)
    out.send((took, events, late))
    out.close()


def measure(daemon, graphs, hosts, seconds, warm):
    metrics = ("ping", "port", "probe_duration_seconds", "probe_icmp_rtt_seconds")
    exprs = [f'{metrics[i // hosts % len(metrics)]}{{target="h{i % hosts}"}}' for i in range(graphs)]
    pages = [exprs[i:i + PER_PAGE] for i in range(0, graphs, PER_PAGE)]
    half = len(pages) // 2
    until = time.monotonic() + warm + seconds
    pipes, clients = [], []
    for part in (pages[:half], pages[half:]):
        mine, theirs = multiprocessing.Pipe(False)
        process = multiprocessing.Process(target=client, args=(daemon.port, part, until - seconds, until, theirs))
        process.start()
        theirs.close()
        pipes.append(mine)
        clients.append(process)
    time.sleep(warm)
    began, cpu = time.monotonic(), figures(daemon.process.pid)[0]
    resident = []
    while time.monotonic() < until:
        time.sleep(1)
        resident.append(figures(daemon.process.pid)[1])
    spent = figures(daemon.process.pid)[0] - cpu
    wall = time.monotonic() - began
    results = [pipe.recv() for pipe in pipes]
    for process in clients:
        process.join(30)
        if process.exitcode != 0:
            raise AssertionError("a client failed")
    took = sorted(t for result in results for t in result[0])
    return {"cpu": spent / wall, "resident_mean": sum(resident) / len(resident), "resident_max": max(resident), "answers": len(took),
            "p50": took[len(took) // 2], "p99": took[int(len(took) * 0.99)], "events": sum(r[1] for r in results), "late": max(r[2] for r in results),
            "seconds": wall}


def idle(daemon, seconds):
    began, cpu = time.monotonic(), figures(daemon.process.pid)[0]
    time.sleep(seconds)
    return (figures(daemon.process.pid)[0] - cpu) / (time.monotonic() - began)


def table(found, still, args):
    cores = os.cpu_count()
    lines = ["| | CPU, mean | of the source's 16 cores | memory, mean | of its 16 GB |", "|---|---|---|---|---|"]
    lines.append(f"| Raksa, {args.graphs} graphs | {found['cpu'] * 100:.1f} % of one core | {found['cpu'] / SOURCE_CORES * 100:.2f} % | "
                 f"{found['resident_mean'] / 2**20:.0f} MiB (at most {found['resident_max'] / 2**20:.0f}) | {found['resident_mean'] / SOURCE_BYTES * 100:.2f} % |")
    lines.append(f"| Raksa, probing alone | {still * 100:.1f} % of one core | {still / SOURCE_CORES * 100:.2f} % | | |")
    for name, cpu, memory in SOURCE:
        lines.append(f"| {name} (the source's) | {cpu * SOURCE_CORES:.0f} % of one core | {cpu:.2f} % | {memory / 100 * SOURCE_BYTES / 2**20:.0f} MiB | {memory:.2f} % |")
    lines += ["", f"{found['answers']} answers in {found['seconds']:.0f} s ({found['answers'] / found['seconds']:.0f} a second), half within {found['p50'] * 1000:.1f} ms, 99 % within "
              f"{found['p99'] * 1000:.0f} ms; {args.graphs // PER_PAGE} streams of events, {found['events'] / 2**20:.1f} MiB; the latest round began {found['late']:.1f} s late; "
              f"{args.hosts} servers probed every 5 s on this machine of {cores} cores."]
    return "\n".join(lines)


PAGE = """# 400 graphs open at once

The source design's load test: 400 graphs on open pages with updates every 5 s. `make page-load ARGS="--seconds {seconds} --write"` made this page
with {version}.

{table}

The source measured whole installations (server, database, and the page's server) for an hour on another machine; its percentages are of that machine. Ours
are of one process that probes, stores, judges and serves. The processes that ask are not counted on either side.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--graphs", type=int, default=400)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--warm", type=int, default=20, help="seconds of drawing before the measurement")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with Daemon(config(args.hosts)) as daemon:
        if not wait_for(lambda: len(daemon.query("count_over_time(ping[1m]) > 2")) == args.hosts, 60, 1):
            raise SystemExit("the hosts gave no samples")
        still = idle(daemon, min(30, args.seconds))
        found = measure(daemon, args.graphs, args.hosts, args.seconds, args.warm)
        version = daemon.cli("--version").stdout.strip()
    text = table(found, still, args)
    print(text)
    if args.write:
        page = ROOT / "docs/results/page-load.md"
        page.write_text(PAGE.format(seconds=args.seconds, version=version, table=text))


if __name__ == "__main__":
    main()
