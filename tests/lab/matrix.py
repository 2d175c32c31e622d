#!/usr/bin/env python3
"""The confusion matrix: every fault of the lab caused once on a real server, what Raksa's examination says of it, into
docs/results/causes.md.

    python3 tests/lab/matrix.py [--faults NAME,...] [--servers N] [--no-write]      (as root; `make lab-matrix`)

Each server works off faults of its own at the same time as the others: break, wait until it is seen from outside, `raksa
diagnose --json`, heal. At most one may be wrong."""
import collections
import json
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab_world import LAB, RAKSA, ROOT, SKIPPED, STATE, lab, long_table  # noqa: E402

# These load the whole machine, which the servers share: alone, and at the end.
ALONE = ("cpu-high", "memory-high")


def faults():
    """Every fault that lab/break knows, by name."""
    return {item["fault"]: item for item in (json.loads(line) for line in lab("break", "--list", "--json").splitlines())}


def configuration():
    """The lab's configuration with the published port of the database probed too, and two checks of the administrator's own."""
    text = (LAB / "raksa.yaml").read_text()
    text = re.sub(r"ports: \[80, 443\]", "ports: [80, 443, 5432]", text)
    checks = ('command: {name: queue, check: [test, "!", -e, /run/lab-queue-broken], fix: [rm, /run/lab-queue-broken]}',
              'command: {name: licence, check: [test, "!", -e, /run/lab-licence-gone]}')
    parts = ['"firewall"', *("{" + check + "}" for check in checks), '"nginx"', '"docker"', '"container:web-application"', '"container:web-database"']
    text = re.sub(r"application: \[.*\]", f"application: [{', '.join(parts)}]", text)
    path = STATE / "matrix.yaml"
    path.write_text(text)
    return path


class Verdict:
    """What came of one fault."""

    def __init__(self, fault, server):
        self.fault, self.server = fault, server
        self.found, self.component, self.evidence, self.seen, self.skipped = "", "", "", "", ""
        self.took = 0.0
        self.also = []

    def right(self):
        place = self.found == "none" or self.component.removeprefix("service:") == self.fault["component"]
        return not self.seen and self.found == self.fault["cause"] and place


def seen_as(server, expectation, limit=12):
    """Waits until the fault is seen from outside as it claims; what is missing."""
    end = time.monotonic() + limit
    words = [w for w in expectation.split() if w.split("=")[0] in ("http", "ssh", "port80")]
    script = (f'. "{ROOT}/lab/lib/common.sh"; . "$LAB_SOURCE/lib/outside.sh"; . "$LAB_SOURCE/lib/faults.sh"; set_lab_dir ""; '
              'for e in "${@:2}"; do expectation_holds "$1" "$e" || { echo "$e, seen $SEEN"; exit 0; }; done')
    missing = ""
    while time.monotonic() < end:
        done = subprocess.run(["bash", "-c", script, str(ROOT / "lab/matrix"), server, *words], capture_output=True, text=True)
        missing = done.stdout.strip() or (done.stderr.strip() if done.returncode else "")
        if not missing:
            return ""
        time.sleep(0.2)
    return missing


def examine(config, server, metric):
    argv = [str(ROOT / "lab/mon"), str(RAKSA), "diagnose", server, "-c", str(config), "--json"]
    if metric:
        argv += ["--metric", metric]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
    return json.loads(done.stdout)


def try_fault(config, server, fault):
    verdict = Verdict(fault, server)
    time.sleep(3.5)  # healing started containers anew, and one that ends within three seconds of its start is another cause
    done = subprocess.run([str(ROOT / "lab/break"), server, fault["fault"]], capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)
    if done.returncode == SKIPPED:
        verdict.skipped = done.stderr.strip().splitlines()[-1]
        return verdict
    if done.returncode:
        verdict.seen = done.stderr.strip()[-200:]
    else:
        verdict.seen = seen_as(server, fault["expect"])
        if fault["fault"] == "container-restart-loop":
            time.sleep(4)
        if fault["fault"] == "container-unhealthy":
            time.sleep(4)
    begun = time.monotonic()
    answer = examine(config, server, fault["metric"])
    verdict.took = time.monotonic() - begun
    verdict.found, verdict.component = answer["cause"] or "none", answer["component"]
    for finding in answer["findings"]:
        if finding["cause"] == answer["cause"] and finding["component"] == answer["component"]:
            verdict.evidence = finding["evidence"]
        elif finding["cause"]:
            verdict.also.append(f"{finding['component']} {finding['cause']}" + (f" (follows from {finding['consequence_of']})" if finding.get("consequence_of") else ""))
    return verdict


def worker(config, server, work, out):
    while True:
        try:
            fault = work.get_nowait()
        except queue.Empty:
            return
        try:
            verdict = try_fault(config, server, fault)
        except Exception as problem:  # pylint: disable=broad-except; told as this fault's result
            verdict = Verdict(fault, server)
            verdict.seen = f"{type(problem).__name__}: {problem}"[:300]
        out.append(verdict)
        tell(verdict)
        try:
            lab("heal", server, limit=120)
        except AssertionError as problem:
            verdict.seen += f" does not heal: {problem}"[-300:]
            print(verdict.seen, flush=True)


def tell(v):
    state = "skip" if v.skipped else "ok  " if v.right() else "BAD "
    print(f"{state} {v.server} {v.fault['fault']:<28} {v.fault['cause']:<30} {v.found or '-':<30} {v.took:5.2f} s  {(v.skipped or v.evidence)[:110]}"
          + ("" if v.right() else f"  [{v.component}] {v.seen}"), flush=True)


def run(names, servers):
    known = faults()
    config = configuration()
    work, out = queue.Queue(), []
    for name in names:
        if name not in ALONE:
            work.put(known[name])
    crew = [threading.Thread(target=worker, args=(config, f"web{n}", work, out)) for n in range(1, servers + 1)]
    for each in crew:
        each.start()
    for each in crew:
        each.join()
    for name in names:
        if name in ALONE:
            work.put(known[name])
            worker(config, "web1", work, out)
    return out


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")[:220]


def report(verdicts, seconds):
    verdicts = sorted((v for v in verdicts if not v.skipped), key=lambda v: (v.fault["cause"], v.fault["fault"]))
    wrong = [v for v in verdicts if not v.right()]
    causes = {v.fault["cause"] for v in verdicts if v.right()}
    lines = ["# Causes, found on real servers", "",
             f"Each fault of the lab caused once, for real, and examined: {len(verdicts)} faults, {len(causes)} different causes, {len(wrong)} wrong. "
             f"Made by `make lab-matrix` on {time.strftime('%Y-%m-%d')} in {seconds:.0f} s.", "",
             "| fault | cause | found | where | time | evidence |", "|---|---|---|---|---|---|"]
    for v in verdicts:
        lines.append(f"| {v.fault['fault']} | {v.fault['cause']} | {'the same' if v.found == v.fault['cause'] else v.found or 'none'}{'' if v.right() else ' **wrong**'} "
                     f"| {v.component} | {v.took:.2f} s | {cell(v.evidence)} |")
    lines += ["", "## The matrix", "", "Rows: what was caused. Columns: what was found. What was found as caused stands in the diagonal."]
    confused = collections.Counter((v.fault["cause"], v.found or "none") for v in verdicts)
    lines += ["", "| caused | found | times |", "|---|---|---|"]
    lines += [f"| {caused} | {found if found != caused else '='} | {count} |" for (caused, found), count in sorted(confused.items())]
    return "\n".join(lines) + "\n", wrong


def arguments(parser):
    parser.add_argument("--faults", default="", help="names, separated by commas")


def play(args, servers):
    begun = time.monotonic()
    verdicts = run(args.faults.split(",") if args.faults else list(faults()), len(servers))
    text, wrong = report(verdicts, time.monotonic() - begun)
    return {"results/causes.md": text}, verdicts and len(wrong) <= 1


if __name__ == "__main__":
    sys.exit(long_table(__doc__, 3, arguments, play))
