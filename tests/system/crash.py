#!/usr/bin/env python3
"""Kills the daemon with -9 again and again while it ingests, and holds what it answers afterwards against what it had
answered before: nothing that could be read may be missing, the journal must be whole.

    python3 tests/system/crash.py --kills 1000"""
import argparse
import pathlib
import random
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from raksa_daemon import ROOT, Daemon, free_port, wait_for  # noqa: E402

TARGETS = 20


def config(closed_port):
    targets = "".join(f"  - {{name: t{i:02}, address: 127.0.0.1, ports: [{{port}}]}}\n" for i in range(TARGETS))
    return f"""
listen: 127.0.0.1:{{port}}
data_dir: {{dir}}/data
defaults: {{interval: 1s, timeout: 400ms}}
targets:
{targets}  - {{name: broken, address: 127.0.0.1, ports: [{closed_port}]}}
rules: [{ROOT}/rules/default.yaml]
"""


def seen(daemon):
    """Every (series, time, value) of the last minutes that the daemon can read now."""
    out = set()
    for name in ("ping", "port"):
        for series in daemon.query(f"{name}[5m]"):
            labels = tuple(sorted(series["metric"].items()))
            out.update((labels, float(t), v) for t, v in series["values"])
    return out


def journal_faults(daemon):
    faults = []
    for path in sorted((daemon.dir / "data").glob("*.db")):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            answer = db.execute("PRAGMA integrity_check").fetchall()
            if answer != [("ok",)]:
                faults.append(f"{path.name}: {answer[:3]}")
    return faults


def incident_faults(daemon, known):
    """Incidents seen before are still there, and no timeline has a hole."""
    faults = []
    now = {i["id"] for i in daemon.json("/api/v1/incidents", limit=500)["incidents"]}
    if not known <= now:
        faults.append(f"incidents lost: {sorted(known - now)}")
    for ident in now:
        seqs = [e["seq"] for e in daemon.json("/api/v1/incidents/" + ident)["timeline"]]
        if seqs != list(range(1, len(seqs) + 1)):
            faults.append(f"timeline of {ident}: {seqs}")
    known |= now
    return faults


def run(kills, seed, say=print):
    """Gives (kills done, samples compared, list of faults, slowest start in seconds)."""
    rng = random.Random(seed)
    daemon = Daemon(config(free_port()))
    faults, known, compared, slowest = [], set(), 0, 0.0
    try:
        before = set()
        for number in range(1, kills + 1):
            begun = time.monotonic()
            daemon.start(wait=False)
            if not wait_for(daemon.ready, 20, 0.01):
                faults.append(f"kill {number}: it does not open again:\n{daemon.log_text()}")
                break
            slowest = max(slowest, time.monotonic() - begun)
            oldest = time.time() - 280
            missing = {s for s in before if s[1] > oldest} - seen(daemon)
            compared += len(before)
            if missing:
                faults.append(f"kill {number}: {len(missing)} samples are missing, for example {sorted(missing)[:2]}")
            faults += [f"kill {number}: {f}" for f in incident_faults(daemon, known)]
            # Mostly killed young, while it reads what is there; now and then old enough to confirm, diagnose and tell.
            time.sleep(rng.random() * (2.5 if number % 8 == 1 else 0.6))
            if number == 1:
                wait_for(lambda: daemon.json("/api/v1/incidents")["incidents"], 15)
            before = seen(daemon)
            if rng.random() < 0.5:
                time.sleep(rng.random() * 0.05)
            daemon.kill()
            if number % 20 == 0 or number == kills:
                faults += [f"kill {number}: {f}" for f in journal_faults(daemon)]
            if number % 50 == 0:
                say(f"{number} kills, {compared} samples compared, {len(faults)} faults, slowest start {slowest:.2f} s")
        if not known and not faults:
            faults.append("no incident was ever opened: the journal was not tried")
        return number, compared, faults, slowest
    finally:
        daemon.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    kills, compared, faults, slowest = run(args.kills, args.seed)
    print(f"{kills} kills, {compared} samples compared, {len(faults)} faults, slowest start {slowest:.2f} s")
    for fault in faults[:20]:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
