#!/usr/bin/env python3
"""Samples on their way from Raksa to another store while either side is killed at random moments: nothing that Raksa has
acknowledged may be missing there, nothing may stand there twice or otherwise.

Samples come in by Raksa's own receiver (so that it is known which it acknowledged) and by its probes, and go out by
remote_write to a real Prometheus or VictoriaMetrics. Usage: remote_write.py [--seconds N] [--write FILE]"""
import argparse
import http.client
import math
import platform
import random
import struct
import threading
import time

from raksa_daemon import ROOT, Daemon, wait_for
from remote_peers import Prometheus, Victoria, samples

CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
defaults: {interval: 1s, timeout: 500ms}
targets:
  - name: here
    address: 127.0.0.1
    ports: [{port}]
rules: []
remote_write_receiver: true
remote_write:
  - {name: peer, url: "PEER/api/v1/write", labels: {site: bangkok}, max_backoff: 1s, shards: 3, batch: 40}
"""
SERIES = 50


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, content):
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def label(name, value):
    return field(1, field(1, name.encode()) + field(2, value.encode()))


def snap(plain):
    """One snappy block of literals only."""
    out = varint(len(plain))
    for at in range(0, len(plain), 60):
        piece = plain[at:at + 60]
        out += bytes([(len(piece) - 1) << 2]) + piece
    return out


def write_request(t, values):
    return snap(b"".join(
        field(1, label("__name__", "fed") + label("instance", "feeder") + label("job", "feed") + label("series", str(i)) +
              field(2, b"\x09" + struct.pack("<d", v) + b"\x10" + varint(t)))
        for i, v in enumerate(values)))


class Feeder(threading.Thread):
    """Pushes a sample of each series ten times a second; one that is not acknowledged is pushed again, as senders do."""

    def __init__(self, raksa):
        super().__init__()
        self.raksa = raksa
        self.stopping = threading.Event()
        self.acknowledged = {}
        self.refused = []

    def run(self):
        random_values = random.Random(1)
        while not self.stopping.is_set():
            t = int(time.time() * 10) * 100
            values = [random_values.choice((0.0, 1.0, round(math.pi * i, 3), 1e9 + i)) for i in range(SERIES)]
            body = write_request(t, values)
            while not self.stopping.is_set():
                try:
                    status, text = self.raksa.request("POST", "/api/v1/write", body, {"Content-Encoding": "snappy"}, limit=5)
                except (OSError, http.client.HTTPException):
                    status, text = 0, ""
                if status == 204:
                    for i, v in enumerate(values):
                        self.acknowledged[(str(i), t)] = v
                    break
                if status // 100 == 4:
                    self.refused.append(text)
                    break
                time.sleep(0.05)
            time.sleep(max(0, t / 1000 + 0.1 - time.time()))


class Trial:
    def __init__(self, peer_class, seconds, seed):
        self.peer = peer_class()
        self.seconds = seconds
        self.random = random.Random(seed)
        self.kills = {"raksa": 0, "peer": 0}
        self.problems = []
        self.counts = {}

    def run(self):
        begun = time.time()
        with self.peer, Daemon(CONFIG.replace("PEER", self.peer.url)) as raksa:
            self.raksa = raksa
            feeder = Feeder(raksa)
            feeder.start()
            try:
                self.kill_at_random()
            finally:
                feeder.stopping.set()
                feeder.join()
            self.compare(feeder, begun)
        return self

    def kill_at_random(self):
        # At least twice each: on a slow machine it takes them long to come up again.
        end = time.monotonic() + self.seconds
        while time.monotonic() < end or min(self.kills.values()) < 2:
            time.sleep(self.random.uniform(0.3, 2.0))
            if self.kills["raksa"] <= self.kills["peer"]:
                self.kills["raksa"] += 1
                self.raksa.kill()
                self.raksa.log.close()
                time.sleep(self.random.uniform(0, 0.5))
                self.raksa.start()
            else:
                self.kills["peer"] += 1
                self.peer.kill()
                time.sleep(self.random.uniform(0, 2.0))
                self.peer.start()

    def metric(self, name):
        status, text = self.raksa.get("/metrics")
        lines = [line for line in text.splitlines() if line.startswith("raksa_remote_write_" + name + "{")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines) if status == 200 and lines else math.nan

    def compare(self, feeder, begun):
        if feeder.refused:
            self.problems.append(f"pushes refused: {feeder.refused[:3]}")
        if not wait_for(lambda: self.metric("pending_samples") == 0, 60, 0.2):
            self.problems.append(f"still waiting: {self.metric('pending_samples')}\n" + self.raksa.log_text())
            return
        end = math.ceil(time.time()) + 1
        here = self.fed(self.raksa, begun, end)
        want = feeder.acknowledged
        there = wait_for(lambda: self.complete(begun, end, here), 20, 0.5) or self.fed(self.peer, begun, end)
        lost_here = [k for k, v in want.items() if here.get(k) != v]
        lost = [k for k, v in want.items() if not self.same(there.get(k, math.nan), v)]
        odd = [k for k, v in there.items() if not self.same(here.get(k, v), v)]
        self.counts = {"acknowledged": len(want), "here": len(here), "there": len(there),
                       "retries": int(self.metric("retries_total")), "known": int(self.metric("known_samples_total"))}
        if lost_here:
            self.problems.append(f"acknowledged, not in Raksa: {len(lost_here)}, {lost_here[:3]}")
        if lost:
            self.problems.append(f"acknowledged, not in the peer: {len(lost)} of {len(want)}, {sorted(k[1] for k in lost)[:3]}")
        if odd:
            self.problems.append(f"of another value in the peer: {len(odd)}, {odd[:3]}")
        dropped = self.metric("dropped_samples_total")
        if dropped and self.kills["raksa"] == 0:
            self.problems.append(f"dropped: {dropped}")
        self.compare_probes(begun, end)

    def compare_probes(self, begun, end):
        """What the probes measured: all that Raksa has is there; what is there beyond it came in the instant of a kill."""
        def of(source, more):
            return {(tuple(p for p in labels if p[0] != "site"), t): float(v)
                    for (labels, t), v in samples(source.query, '{target="here"%s}' % more, begun, end).items()}
        here = of(self.raksa, "")
        self.counts["probed"] = len(here)
        if not wait_for(lambda: not self.missing(here, of(self.peer, ',site="bangkok"')), 15, 0.5):
            missing = self.missing(here, of(self.peer, ""))
            self.problems.append(f"probed, not in the peer: {len(missing)} of {len(here)}, {missing[:2]}")

    def fed(self, source, begun, end):
        return {(dict(labels)["series"], t): float(v) for (labels, t), v in
                samples(source.query, 'fed{job="feed"}', begun, end).items()}

    def complete(self, begun, end, here):
        there = self.fed(self.peer, begun, end)
        return None if self.missing(here, there) else there

    def missing(self, here, there):
        return [k for k, v in here.items() if not self.same(there.get(k, math.nan), v)]

    def same(self, there, here):
        """VictoriaMetrics keeps numbers as decimals and may lose the last of their 53 bits."""
        return there == here or (isinstance(self.peer, Victoria) and math.isclose(there, here, rel_tol=1e-12))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="of kills, for each peer")
    parser.add_argument("--write", help="write the result to this file (docs/results/remote-write.md)")
    args = parser.parse_args()
    rows = []
    failed = 0
    for peer in (Prometheus, Victoria):
        trial = Trial(peer, args.seconds, seed=7).run()
        failed += len(trial.problems)
        row = (peer.__name__, f"{args.seconds:g} s", trial.kills["raksa"], trial.kills["peer"],
               trial.counts.get("acknowledged"), trial.counts.get("probed"), trial.counts.get("retries"),
               trial.counts.get("known"), "; ".join(trial.problems) or "none")
        rows.append(row)
        print(*row, sep=" | ", flush=True)
    if args.write:
        (ROOT / args.write).write_text(report(rows, args.seconds))
    return 1 if failed else 0


def report(rows, seconds):
    head = ("peer", "for", "kills of Raksa", "kills of the peer", "pushed samples acknowledged", "probed samples",
            "retries of the last run", "sent twice, known there", "missing, doubled or wrong")
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, ("---",) * len(head), *rows)]
    return f"""# Remote write through kills of either side

`make remote-full ARGS="--seconds {seconds:g} --write docs/results/remote-write.md"` on {platform.machine()}, Debian 12. Samples are pushed
into Raksa ten times a second for {SERIES} series and measured by its probes; each goes on to the peer by `remote_write`. Every 0.3 to 2 s
Raksa or the peer is ended by `kill -9` and started again. In the end every sample that Raksa acknowledged, and every one that its
probes stored, is looked for in the peer, value by value.

{chr(10).join(lines)}

VictoriaMetrics runs with `-dedup.minScrapeInterval=1ms`: it keeps what it has confirmed in memory for some seconds before it writes it, so that Raksa
sends the last 10 s again after it went away (`resend`), and the same sample may arrive twice. It keeps numbers as decimals: values are compared to 1e-12 there, and to
the bit in Prometheus.
"""


if __name__ == "__main__":
    raise SystemExit(main())
