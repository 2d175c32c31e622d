#!/usr/bin/env python3
"""Whether heavy queries delay probes: TCP probes every second of addresses that say when they were asked, without and with queries over
24 h x 100 series in a loop beside them. Prints how far the slots were from their rhythm; with --limit the worst may not be above it."""
import argparse
import http.client
import multiprocessing
import multiprocessing.connection
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
import urllib.parse

import history
from peers import Processes, percentile, raksa, table

HEAVY = ("mem_percent", "rate(if_in_bits[5m])", "avg_over_time(mem_percent[1m])", "quantile_over_time(0.9, cpu_percent[5m])")


def listen(pipe):
    """Takes connections on one port and notes the moment of each by its address, until told to stop; a process of its own, as urgent as
    the system lets it be, so that it does not measure its own delays."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    except PermissionError:
        pass
    server = socket.create_server(("0.0.0.0", 0), backlog=512)
    pipe.send(server.getsockname()[1])
    seen = {}
    while True:
        ready = multiprocessing.connection.wait([server.fileno(), pipe])
        if pipe in ready:
            pipe.send(seen)
            return
        connection, _ = server.accept()
        seen.setdefault(connection.getsockname()[0], []).append(time.monotonic())
        connection.close()


def lateness(seen, since, until, interval):
    """Milliseconds by which each probe came after the earliest phase of its target's rhythm."""
    out = []
    for moments in seen.values():
        kept = [m for m in moments if since <= m <= until]
        if len(kept) < 3:
            continue
        phases = [m % interval for m in kept]
        middle = statistics.median(phases)
        offsets = sorted((p - middle + interval / 2) % interval - interval / 2 for p in phases)
        out += [(o - offsets[len(offsets) // 10]) * 1000 for o in offsets]
    return out


def ask_on(port, made, stop, count):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    while not stop.is_set():
        query = HEAVY[count.value % len(HEAVY)]
        connection.request("GET", "/api/v1/query_range?" + urllib.parse.urlencode(
            {"query": query, "start": made["begin"] + 600, "end": made["end"] - 60, "step": 60}))
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:300]
        with count.get_lock():
            count.value += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two measurements")
    parser.add_argument("--targets", type=int, default=50)
    parser.add_argument("--clients", type=int, default=1, help="that ask heavy queries one after the other")
    parser.add_argument("--limit", type=float, help="ms; status 1 when the worst slot is later, beyond the worst without queries")
    args = parser.parse_args()
    made = history.blocks(100, int(time.time()) // 7200 * 7200)
    history.make_store(made)
    pipe, theirs = multiprocessing.Pipe()
    listener = multiprocessing.Process(target=listen, args=(theirs,), daemon=True)
    listener.start()
    port = pipe.recv()
    directory = tempfile.mkdtemp(prefix="raksa-bench-")
    processes = Processes(directory)
    targets = "\n".join(f"  - {{name: t{i}, address: 127.0.2.{1 + i}, ping: false, ports: [{port}], interval: 1s, timeout: 500ms}}"
                        for i in range(args.targets))
    try:
        server = raksa(directory, history.FOLDER / "raksa", targets).start(processes)
        time.sleep(2)
        quiet = time.monotonic()
        time.sleep(args.seconds)
        stop, count = multiprocessing.Event(), multiprocessing.Value("i", 0)
        clients = [multiprocessing.Process(target=ask_on, args=(server.port, made, stop, count)) for _ in range(args.clients)]
        loud = time.monotonic()
        for client in clients:
            client.start()
        time.sleep(args.seconds)
        end = time.monotonic()
        stop.set()
        for client in clients:
            client.join()
        pipe.send("stop")
        seen = pipe.recv()
        results = {"without queries": lateness(seen, quiet, loud, 1.0),
                   f"with {count.value} heavy queries": lateness(seen, loud, end, 1.0)}
        table(["", "probes", "p50 ms late", "p99", "worst"],
              [[name, len(ms), f"{statistics.median(ms):.2f}", f"{percentile(ms, 0.99):.2f}", f"{max(ms):.2f}"] for name, ms in results.items()])
        worst = [max(ms) for ms in results.values()]
        if args.limit and worst[1] > worst[0] + args.limit:
            sys.exit(1)
    finally:
        processes.end()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
