#!/usr/bin/env python3
"""The long table: each fault many times, into docs/results/lab.md.

    python3 tests/lab/full.py [--times N] [--faults NAME,...]      (as root; `make lab-full`)"""
import argparse
import collections
import pathlib
import statistics
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab_world import ROOT, LabTest, Raksa  # noqa: E402
from scenario import MORE_REPAIRS, REPAIRS, repair  # noqa: E402


class Ground(LabTest):
    pass


def table(runs):
    lines = ["| fault | right | detected, median (worst) | repaired | verified |", "|---|---|---|---|---|"]
    groups = collections.OrderedDict()
    for run in runs:
        groups.setdefault(run.fault, []).append(run)
    groups["all"] = runs
    for fault, group in groups.items():
        timed = [run.times for run in group if run.times]
        def figure(name):
            values = [t[name] for t in timed]
            return f"{statistics.median(values):.2f} s ({max(values):.2f} s)" if values else "–"
        lines.append(f"| {fault} | {sum(run.good() for run in group)} of {len(group)} | {figure('detected')} | {figure('acted')} | {figure('verified')} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--faults", default=",".join([*REPAIRS, *MORE_REPAIRS]))
    args = parser.parse_args()
    try:
        Ground.setUpClass()
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return 77
    runs = []
    try:
        with Raksa("full") as raksa:
            for number in range(args.times):
                for index, fault in enumerate(args.faults.split(",")):
                    run = repair(raksa, f"web{(index + number) % 2 + 1}", fault)
                    runs.append(run)
                    print(run.tell(), flush=True)
    finally:
        Ground.tearDownClass()
    out = ROOT / "docs/results/lab.md"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(f"# Repairs in the lab\n\nTimes from the begin of the fault, interval 5 s, two servers. Made by `make lab-full` on {time.strftime('%Y-%m-%d')}.\n\n{table(runs)}\n")
    print(table(runs))
    return 0 if runs and all(run.good() for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
