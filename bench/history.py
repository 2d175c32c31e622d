#!/usr/bin/env python3
"""A day of history (1,000 series every 5 s, 17.28 million samples) in Raksa, Prometheus and VictoriaMetrics: bytes on disk, how soon each
answers after kill -9, and how long each takes for the same queries over HTTP, asked in turn. The data are kept below build/bench."""
import argparse
import http.client
import json
import random
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.parse

from peers import PROMTOOL, ROOT, Processes, folder_bytes, percentile, prometheus, raksa, table, victoria

HOURS, STEP = 24, 5
FOLDER = ROOT / "build/bench/history"
MAKER = ROOT / "build/release/bench/history_data"
# Nothing is probed here; the one target that Raksa wants is asked once a day.
IDLE = "  - {name: idle, address: 127.0.0.1, ping: false, ports: [1], interval: 1d}"


def blocks(hosts, end):
    """Makes the peers' data once: Prometheus's blocks by promtool and its own compaction, VictoriaMetrics's by import and merge."""
    meta = FOLDER / "meta.json"
    wanted = {"hosts": hosts, "hours": HOURS, "step": STEP, "version": 1}
    if meta.exists():
        made = json.loads(meta.read_text())
        if {k: made.get(k) for k in wanted} == wanted and time.time() - made["end"] < 14 * 86400:
            return made
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    begin = end - HOURS * 3600
    subprocess.run([MAKER, FOLDER, "--start", str(begin), "--hosts", str(hosts), "--hours", str(HOURS), "--step", str(STEP)], check=True)
    files = sorted(FOLDER.glob("*.om"), key=lambda p: int(p.stem))
    for path in files:
        subprocess.run([PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", "--quiet", path, FOLDER / "prometheus"], check=True,
                       stdout=subprocess.DEVNULL)
    processes = Processes(FOLDER)
    try:
        import_lines(victoria(FOLDER, FOLDER / "victoria").start(processes))
        compact(prometheus(FOLDER, FOLDER / "prometheus").start(processes))
    finally:
        processes.end()
    for path in [*files, *FOLDER.glob("*.jsonl")]:
        path.unlink()
    made = dict(wanted, begin=begin, end=end)
    meta.write_text(json.dumps(made))
    return made


def make_store(made):
    """Raksa's store, made anew by the present code from the same values."""
    shutil.rmtree(FOLDER / "raksa", ignore_errors=True)
    subprocess.run([MAKER, FOLDER, "--start", str(made["begin"]), "--hosts", str(made["hosts"]), "--hours", str(HOURS), "--step", str(STEP),
                    "--no-text"], check=True)


def import_lines(server):
    for path in sorted(FOLDER.glob("*.jsonl"), key=lambda p: int(p.stem)):
        assert server.request("POST", "/api/v1/import", path.read_bytes())[0] < 300
    server.get("/internal/force_flush")
    time.sleep(2)
    server.get("/internal/force_merge")
    settle(server, FOLDER / "victoria", 6)


def compact(server):
    """Prometheus looks once a minute for what it can compact."""
    time.sleep(65)
    settle(server, FOLDER / "prometheus", 10)


def settle(server, folder, quiet):
    """Waits until the process is idle and its files stay the same for `quiet` seconds."""
    last = None
    for _ in range(60):
        now = (folder_bytes(folder), round(server.cpu(), 1))
        if now == last:
            return
        last = now
        time.sleep(quiet)


def queries(made, rng):
    """(name, function that gives a request's path, share of the rounds, what the target says it must be faster by)."""
    begin, end = made["begin"], made["end"]

    def instant(query):
        return lambda: "/api/v1/query?" + urllib.parse.urlencode({"query": query, "time": rng.randrange(begin + 3600, end - 60)})

    def hour(query):
        def path():
            start = rng.randrange(begin + 600, end - 3700)
            return "/api/v1/query_range?" + urllib.parse.urlencode({"query": query, "start": start, "end": start + 3600, "step": 15})
        return path

    def day(query):
        return lambda: "/api/v1/query_range?" + urllib.parse.urlencode({"query": query, "start": begin + 600, "end": end - 60, "step": 60})

    out = [("instant cpu_percent > 80, 100 series", instant("cpu_percent > 80"), 1, 2),
           ("instant count of all 1,000 series", instant('count({host!=""})'), 1, 2),
           ("instant avg by (group) (cpu_percent)", instant("avg by (group) (cpu_percent)"), 1, 0),
           ("instant rate(if_in_bits[5m]), 100 series", instant("rate(if_in_bits[5m])"), 1, 0),
           ("1 h / 15 s cpu_percent, 1 series", hour('cpu_percent{host="h00042"}'), 1, 0),
           ("1 h / 15 s cpu_percent, 100 series", hour("cpu_percent"), 1, 2),
           ("1 h / 15 s avg by (group) (cpu_percent)", hour("avg by (group) (cpu_percent)"), 1, 0),
           ("1 h / 15 s rate(if_in_bits[5m]), 100 series", hour("rate(if_in_bits[5m])"), 1, 0)]
    for count, selector in ((1, '{host="h00042"}'), (10, '{group="g02"}'), (100, "")):
        share, target = (1, 0) if count < 100 else (0.25, 3)
        out += [(f"24 h / 60 s mem_percent, {count} series", day("mem_percent" + selector), share, target),
                (f"24 h / 60 s rate(if_in_bits[5m]), {count} series", day(f"rate(if_in_bits{selector}[5m])"), share, target),
                (f"24 h / 60 s avg_over_time(mem_percent[1m]), {count} series", day(f"avg_over_time(mem_percent{selector}[1m])"), share, target)]
    return out


def race(servers, path, rounds):
    """Asks all servers the same, one after the other, `rounds` times after two to warm up; p50 and p95 in ms and CPU ms an answer."""
    took = {s.name: [] for s in servers}
    cpu = {s.name: 0.0 for s in servers}
    size = {}
    for n in range(-2, rounds):
        asked = path()
        for server in random.sample(servers, len(servers)):
            before = server.cpu()
            began = time.perf_counter()
            status, body = server.get(asked + server.suffix)
            elapsed = time.perf_counter() - began
            assert status == 200, f"{server.name}: {asked}: {status} {body[:300]}"
            if n >= 0:
                took[server.name].append(elapsed * 1000)
                cpu[server.name] += (server.cpu() - before) * 1000
                size[server.name] = len(body)
    return {name: {"p50": statistics.median(ms), "p95": percentile(ms, 0.95), "cpu": cpu[name] / rounds, "bytes": size[name]}
            for name, ms in took.items()}


def restart(server, processes, path, times=7):
    """Milliseconds from the start of the process to its first right answer, after kill -9; the median."""
    out = []
    for _ in range(times):
        server.process.kill()
        server.process.wait()
        began = time.perf_counter()
        server.launch(processes)
        while True:
            try:
                status, body = server.get(path)
                if status == 200 and json.loads(body)["data"]["result"]:
                    break
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.0005)
        out.append((time.perf_counter() - began) * 1000)
    return statistics.median(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=100, help="of ten series each")
    parser.add_argument("--rounds", type=int, default=200, help="of the short queries; a quarter of the longest")
    parser.add_argument("--only", default="", help="queries whose name holds this")
    parser.add_argument("--json", help="write the figures there, too")
    args = parser.parse_args()
    made = blocks(args.hosts, int(time.time()) // 7200 * 7200)
    samples = args.hosts * 10 * HOURS * 3600 // STEP
    make_store(made)
    directory = tempfile.mkdtemp(prefix="raksa-bench-")
    processes = Processes(directory)
    try:
        ours = raksa(directory, FOLDER / "raksa", IDLE)
        servers = [ours, prometheus(directory, FOLDER / "prometheus"), victoria(directory, FOLDER / "victoria")]
        sizes = {s.name: folder_bytes(FOLDER / f) / samples for s, f in zip(servers, ("raksa", "prometheus", "victoria"))}
        for server in servers:
            server.start(processes)
        first = "/api/v1/query?" + urllib.parse.urlencode({"query": 'cpu_percent{host="h00042"}', "time": made["end"] - 3600})
        started = {s.name: restart(s, processes, first) for s in servers} if not args.only else {s.name: 0.0 for s in servers}
        results = run(servers, made, args, sizes, started)
        if args.json:
            with open(args.json, "w") as out:
                json.dump({"samples": samples, "bytes": sizes, "restart": started, "queries": results}, out, indent=1)
    finally:
        processes.end()
        shutil.rmtree(directory, ignore_errors=True)


def run(servers, made, args, sizes, started):
    names = [s.name for s in servers]
    table(["", *names], [["bytes a sample on disk", *(f"{sizes[n]:.3f}" for n in names)],
                         ["ms from start to first answer, after kill -9", *(f"{started[n]:.1f}" for n in names)]])
    print("\np50 / p95 in ms (CPU ms); VictoriaMetrics with nocache=1. Faster: the better peer's p50 over Raksa's.")
    head = ["query", *names, "faster by", "CPU", "wanted", "answer"]
    rows, results = [], {}
    for name, path, share, target in queries(made, random.Random(3)):
        if args.only not in name:
            continue
        got = results[name] = race(servers, path, max(5, int(args.rounds * share)))
        best = min(got[n]["p50"] for n in names[1:])
        least = min(got[n]["cpu"] for n in names[1:])
        own = got[names[0]]
        rows.append([name, *(f"{got[n]['p50']:.2f} / {got[n]['p95']:.2f} ({got[n]['cpu']:.2f})" for n in names),
                     f"{best / own['p50']:.1f}x", f"{least / max(own['cpu'], 1e-9):.1f}x", f"{target}x" if target else "", own["bytes"]])
        print(f"  {rows[-1]}", flush=True)
    print()
    table(head, rows)
    return results


if __name__ == "__main__":
    main()
