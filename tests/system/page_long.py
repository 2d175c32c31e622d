#!/usr/bin/env python3
"""Pages left open for SECONDS (300) against a daemon that restarts twice: page_long.py [SECONDS] [--write]. Prints what each page holds
in its browser ten times over; --write puts the table into docs/results/page-long.md."""
import argparse
import json
import sys

from chromium import drive
from page_test import CONFIG
from raksa_daemon import ROOT, Daemon, free_port

PAGES = ("host", "fleet")  # in the order in which long.mjs reads them
PAGE = """# Pages left open

`make page-long ARGS="{seconds} --write"` with {version}: one host's page and the fleet, open in Chromium for {seconds} s while the daemon, which
probes two hosts every second, restarts after {restarts}. Each time both said that they were not connected, and came back by themselves. After collecting the garbage they held:

| after | host: heap | nodes | listeners | fleet: heap | nodes | listeners |
|---|---|---|---|---|---|---|
{rows}

The host's graphs show fifteen minutes and fill up with samples during that time. {verdict}
"""


def cells(reading):
    return f"{reading['heap'] / 2**20:.2f} MiB | {reading['nodes']} | {reading['listeners']}"


def table(readings):
    turns = sorted({r["reading"] for r in readings})
    at = {(r["reading"], r["page"]): r for r in readings}
    return "\n".join(f"| {at[turn, 'host']['seconds']} s | {cells(at[turn, 'host'])} | {cells(at[turn, 'fleet'])} |" for turn in turns)


def growth(readings):
    """How much more each page holds at the end than at the first reading."""
    ends = {page: (readings[i], readings[i - len(PAGES)]) for i, page in enumerate(PAGES)}
    return "From the first reading to the last: " + "; ".join(
        f"{page}: heap {(last['heap'] - first['heap']) / 2**20:+.2f} MiB, nodes {last['nodes'] - first['nodes']:+d}, listeners {last['listeners'] - first['listeners']:+d}"
        for page, (first, last) in ends.items()) + "."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int, nargs="?", default=300)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    web = free_port()
    with Daemon(CONFIG.replace("WEB", str(web))) as daemon:
        def stop():
            daemon.stop()
            daemon.log.close()

        checks, said = drive("long.mjs", [f"http://127.0.0.1:{daemon.port}", str(web), str(args.seconds)],
                             {"stop": stop, "start": daemon.start}, args.seconds + 200)
        version = daemon.cli("--version").stdout.strip()
    print(said)
    good = bool(checks) and all(item["result"] == "ok" for item in checks)
    if args.write:
        readings = [json.loads(line) for line in said.splitlines() if line.startswith('{"reading"')]
        restarts = " and ".join(f"{args.seconds * tenths // 10} s" for tenths in (3, 6))
        verdict = growth(readings) if good else "**A check failed:** " + "; ".join(item.get("text", "")[:300] for item in checks if item["result"] != "ok")
        (ROOT / "docs/results/page-long.md").write_text(PAGE.format(seconds=args.seconds, version=version, restarts=restarts,
                                                                    rows=table(readings), verdict=verdict))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
