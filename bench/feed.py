#!/usr/bin/env python3
"""A page of metrics as a fleet of hosts has them, whose values change as such values do: constants (ping_up, port_up, http_code), walks
(cpu, memory, disk), noise (ping_ms) and counters (bits in and out). `Feed(series, interval)` serves it on a loopback port; as a program it
serves until it is ended and prints the port."""
import argparse
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

METRICS = (("ping_up", ""), ("port_up", ',port="22"'), ("port_up", ',port="80"'), ("http_code", ',url="/"'), ("cpu_percent", ""), ("mem_percent", ""),
           ("disk_percent", ',mount="/"'), ("ping_ms", ""), ("if_in_bits", ',if="eth0"'), ("if_out_bits", ',if="eth0"'))


class Model:
    """Ten series a host; step() gives the values as text in the order of `prefixes`."""

    def __init__(self, series, seed=1):
        self.random = random.Random(seed)
        self.hosts = max(1, series // len(METRICS))
        self.prefixes = [f'{name}{{host="h{h:05d}",group="g{h % 10:02d}"{extra}}} ' for name, extra in METRICS for h in range(self.hosts)]
        uniform = self.random.uniform
        self.cpu = [uniform(5, 95) for _ in range(self.hosts)]
        self.mem = [uniform(20, 90) for _ in range(self.hosts)]
        self.disk = [uniform(10, 90) for _ in range(self.hosts)]
        self.bits = [[self.random.randrange(10**9, 10**13) for _ in range(self.hosts)] for _ in range(2)]
        self.rate = [uniform(1e5, 5e8) for _ in range(self.hosts)]

    def walk(self, values, spread):
        gauss = self.random.gauss
        for i, value in enumerate(values):
            values[i] = min(100.0, max(0.0, value + gauss(0, spread)))

    def step(self, seconds):
        rare = self.random.random
        self.walk(self.cpu, 3)
        self.walk(self.mem, 0.2)
        self.walk(self.disk, 0.01)
        for counters, share in zip(self.bits, (1, 0.3)):
            for i, rate in enumerate(self.rate):
                counters[i] += int(rate * seconds * share * (0.5 + rare())) // 8 * 8
        n = range(self.hosts)
        out = ["0" if rare() < 0.0005 else "1" for _ in n] + ["1"] * (2 * self.hosts)
        out += ["500" if rare() < 0.0005 else "200" for _ in n]
        out += [f"{value:.0f}" for value in self.cpu]
        out += [f"{value:.2f}" for values in (self.mem, self.disk) for value in values]
        out += [f"{0.2 + abs(self.random.gauss(0, 0.05)):.3f}" for _ in n]
        return out + [str(value) for counters in self.bits for value in counters]

    def page(self, seconds):
        lines, last = [], None
        for prefix, value in zip(self.prefixes, self.step(seconds)):
            name = prefix[:prefix.index("{")]
            if name != last:
                lines.append(f"# TYPE {name} {'counter' if name.endswith('bits') else 'gauge'}")
                last = name
            lines.append(prefix + value)
        return ("\n".join(lines) + "\n").encode()


class Feed:
    """Serves the newest page; a new one every `interval` seconds."""

    def __init__(self, series, interval, port=0):
        self.model, self.interval = Model(series), interval
        self.body, self.scrapes, self.ended = self.model.page(interval), 0, threading.Event()
        feed = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = feed.body
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                feed.scrapes += 1

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        threading.Thread(target=self.render, daemon=True).start()

    def render(self):
        while not self.ended.wait(self.interval):
            self.body = self.model.page(self.interval)

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=10)
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args()
    feed = Feed(args.series, args.interval, args.port)
    print(feed.port, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
