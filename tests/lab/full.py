#!/usr/bin/env python3
"""The long tables: every situation many times on several real servers at once, into docs/results/lab.md and docs/recovery.md.

    python3 tests/lab/full.py [--times N] [--servers N] [--tables abcd] [--watch 1s] [--only FAULT,...] [--go-on] [--no-write]    (as root; `make lab-full`)

  a  the source design's nine recovery situations, found by Raksa's own rules
  b  the same nine, with no rules: the alarm comes from the source's Grafana, through POST /shs
  c  the source design's six alert situations: what counts is the message
  d  what else is repaired

Each run is also a line of build/lab-full.jsonl; --go-on plays only what that file does not have yet, for when a run was interrupted.
Servers break beside each other, but what loads the machine runs alone. For times that are not disturbed by neighbours: --servers 2."""
import collections
import json
import pathlib
import queue
import re
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab_world import ROOT, STATE, Raksa, lab, long_table  # noqa: E402
from scenario import MORE, NINE, SIX, Run, play  # noqa: E402

TITLES = {
    "a": "The nine recovery situations, found by Raksa's own rules",
    "b": "The same nine, raised by the source's Grafana through `POST /shs`",
    "c": "The six alert situations: messages",
    "d": "What else is repaired",
}
SETS = {"a": NINE, "b": NINE, "c": SIX, "d": MORE}
KEPT = ROOT / "build/lab-full.jsonl"
PARTS = ("waited", "detected", "diagnosed", "repaired", "verified", "total")


class Grafana:
    """The stand-in for the source's Grafana, at the monitor's place."""

    def __init__(self, *loaded):
        self.loaded = loaded

    def __enter__(self):
        self.record = STATE / "grafana.jsonl"
        self.record.unlink(missing_ok=True)
        self.process = subprocess.Popen([str(ROOT / "lab/mon"), sys.executable, str(ROOT / "tests/lab/grafana.py"), "http://127.0.0.1:8001/metrics",
                                         "http://127.0.0.1:8082/shs", str(self.record), *self.loaded], stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


def settings(table, loaded, loads, watch):
    """The lab's configuration for one table. Load is that of the whole machine: only the one's, and only that metric's, is alarmed on."""
    rules = (ROOT / "rules/default.yaml").read_text()
    rules = re.sub(r"expr: (cpu_percent|mem_percent)", lambda m: f'expr: {m[1]}{{target="{loaded if m[1] == loads else "nobody"}"}}', rules)

    def edit(text):
        # Many servers break at once on purpose.
        text = text.replace("hold: 5s", "hold: 5s, fleet_brake: {hosts: 100, percent: 100}")
        if watch:
            text += f"confirm: {{watch: {watch}}}\n"
        if table == "b":
            return re.sub(r"(?m)^rules:.*$", "rules: []\nshs_listen: 127.0.0.1:8082", text)
        path = STATE / f"rules-{table}{loads}.yaml"
        path.write_text(rules)
        return re.sub(r"(?m)^rules:.*$", f"rules: [{path}]", text)
    return edit


def work(raksa, table, jobs, servers):
    """Plays the jobs, each server one at a time, all servers beside each other."""
    waiting = queue.Queue()
    for job in jobs:
        waiting.put(job)
    runs, lock = [], threading.Lock()

    def one_server(target):
        while True:
            try:
                situation = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                run = play(raksa, target, situation, spread=5.0)
            except Exception as error:  # pylint: disable=broad-except
                run = Run(situation, target)
                run.faults.append(f"{type(error).__name__}: {error}"[:1500])
                lab("heal", target, check=False)
            with lock:
                runs.append(run)
                with open(KEPT, "a") as out:
                    out.write(json.dumps({"table": table, "fault": situation.fault, "target": target, "faults": run.faults, "times": run.times}) + "\n")
                print(f"{time.strftime('%T')} {table} {run.tell()}", flush=True)
    threads = [threading.Thread(target=one_server, args=(target,)) for target in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return runs


def in_the_order(runs, situations):
    """By situation, in the table's order; what nobody played is left out."""
    groups = collections.OrderedDict((situation.name, []) for situation in situations)
    for run in runs:
        groups[run.situation.name].append(run)
    return [(name, group) for name, group in groups.items() if group]


def figure(runs, part):
    values = [run.times[part] for run in runs if part in run.times]
    return f"{statistics.median(values):.2f} ({max(values):.2f})" if values else "–"


def table_of(table, runs):
    lines = ["| situation | right | waiting for the next probe | detected | diagnosed | repaired | verified | in all |",
             "|---|---|---|---|---|---|---|---|"]
    groups = in_the_order(runs, SETS[table].values())
    repaired = [run for run in runs if not run.situation.report]
    total = [("**services and containers**", repaired)] if repaired else []
    for name, group in [*groups, *total, ("**all**", runs)]:
        good = sum(run.good() for run in group)
        cells = [figure(group, part) for part in PARTS] if name != "**all**" else ["–"] * len(PARTS)
        lines.append(f"| {name} | {good} of {len(group)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def messages_of(runs):
    lines = ["| situation | messages that came, right | message after the fault, median (worst) |", "|---|---|---|"]
    for name, group in [*in_the_order(runs, SIX.values()), ("**all**", runs)]:
        lines.append(f"| {name} | {sum(run.good() for run in group)} of {len(group)} | {figure(group, 'total')} s |")
    return "\n".join(lines)


def kept():
    """The runs of an earlier call: [(table, run)]."""
    out = []
    for line in KEPT.read_text().splitlines() if KEPT.exists() else []:
        item = json.loads(line)
        run = Run(SETS[item["table"]][item["fault"]], item["target"])
        run.faults, run.times = item["faults"], item["times"]
        out.append((item["table"], run))
    return out


def play_table(table, args, servers, loads, done):
    """The situations of a table that load the machine in one way (on one server, alone), or (loads = "") those that do not (on all servers
    beside each other), without those that are done."""
    jobs = [s for n in range(args.times) for s in SETS[table].values()
            if s.loads == loads and n >= sum(run.situation.fault == s.fault for run in done) and (not args.only or s.fault in args.only.split(","))]
    if not jobs:
        return []
    places = servers[:1] if loads else servers
    with Raksa(f"full-{table}", edit=settings(table, servers[0], loads, args.watch), load_rules=True) as raksa:
        if table != "b":
            return work(raksa, table, jobs, places)
        with Grafana(*(("10.77.0.11", loads) if loads else ())):
            return work(raksa, table, jobs, places)


def told(results, args):
    """The page of docs/results."""
    watch = f" --watch {args.watch}" if args.watch else ""
    out = ["# Repairs in the lab", "",
           f"Real servers (lab/README.md), {args.servers} at once, interval 5 s, two processors for everything; made by "
           f"`make lab-full ARGS=\"--times {args.times} --servers {args.servers}{watch}\"` on {time.strftime('%Y-%m-%d')}.",
           "Seconds, median (worst). *Detected*: from the begin of the fault to the incident; *waiting for the next probe* is its first "
           "part. *Diagnosed*, *repaired*, *verified* follow one another; *in all*: from the begin of the fault to the verified repair, "
           "or to the report where nothing is repaired. Faults begin at any moment between two probes.",
           "*Right*: one incident, the right cause in the right component, the right outcome, a timeline without holes, and exactly the "
           "messages that there must be, with what they must say.", ""]
    for table, runs in results.items():
        out += [f"## {TITLES[table]}", "", messages_of(runs) if table == "c" else table_of(table, runs), ""]
        bad = [run.tell() for run in runs if not run.good()]
        if bad:
            out += ["Wrong:", "", *(f"- {line[:300]}" for line in bad), ""]
    return "\n".join(out)


def summary(results):
    """The lines between the markers in docs/recovery.md."""
    lines = []
    for table, runs in results.items():
        good = sum(run.good() for run in runs)
        totals = [run.times["total"] for run in runs if run.times.get("total") and not run.situation.report]
        waits = [run.times["waited"] for run in runs if "waited" in run.times and not run.situation.report]
        times = (f"; services and containers from the fault to the verified repair: median {statistics.median(totals):.1f} s, worst "
                 f"{max(totals):.1f} s, of which {statistics.median(waits):.1f} s (median) are waiting for the next probe") if totals else ""
        lines.append(f"- {TITLES[table]}: {good} of {len(runs)} right{times}.")
    return "\n".join(lines)


def recovery_page(results):
    """docs/recovery.md with the summary between its markers."""
    text = (ROOT / "docs/recovery.md").read_text()
    block = f"<!-- lab-full begins -->\n{summary(results)}\n<!-- lab-full ends -->"
    return re.sub(r"(?s)<!-- lab-full begins -->.*<!-- lab-full ends -->", lambda _: block, text)


def arguments(parser):
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--watch", default="", help="look so often between two slots (confirm.watch), such as 1s")
    parser.add_argument("--tables", default="abcd")
    parser.add_argument("--go-on", action="store_true", help="play what build/lab-full.jsonl does not have yet")
    parser.add_argument("--only", default="", help="faults of lab/faults, separated by commas")


def play_all(args, servers):
    began = time.time()
    if not args.go_on:
        KEPT.unlink(missing_ok=True)
    results = {table: [run for of, run in kept() if of == table] for table in args.tables}
    for loads in ("", "mem_percent", "cpu_percent"):  # what needs a machine with nothing else to do comes last
        for table, runs in results.items():
            runs += play_table(table, args, servers, loads, list(runs))
    print(f"{(time.time() - began) / 60:.1f} minutes")
    everything = [run for runs in results.values() for run in runs]
    pages = {"results/lab.md": told(results, args), "recovery.md": recovery_page(results)}
    return pages, everything and all(run.good() for run in everything)


if __name__ == "__main__":
    sys.exit(long_table(__doc__, 6, arguments, play_all))
