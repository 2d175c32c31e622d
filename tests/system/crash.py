#!/usr/bin/env python3
"""Kills the daemon with -9 again and again while it ingests, and holds what it answers afterwards against what it had
answered before: nothing that could be read may be missing, `raksa store check` must find nothing, the journal must be whole.
Then the same with a full file system (a small tmpfs, needs root), and with torn last pages (on copies).

    python3 tests/system/crash.py --kills 2000 --full 200 --torn 200"""
import argparse
import contextlib
import errno
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from raksa_daemon import RAKSA, ROOT, Daemon, free_port, wait_for  # noqa: E402

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


def store_faults(data):
    """What `raksa store check` says, unless it finds nothing."""
    done = subprocess.run([str(RAKSA), "store", "check", "--dir", str(data)], capture_output=True, text=True, timeout=120)
    return [] if done.returncode == 0 else [f"store check: {done.returncode} {done.stdout[-400:]} {done.stderr[-400:]}"]


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
                faults += [f"kill {number}: {f}" for f in journal_faults(daemon) + store_faults(daemon.dir / "data")]
            if number % 50 == 0:
                say(f"{number} kills, {compared} samples compared, {len(faults)} faults, slowest start {slowest:.2f} s")
        if not known and not faults:
            faults.append("no incident was ever opened: the journal was not tried")
        return number, compared, faults, slowest
    finally:
        daemon.close()


@contextlib.contextmanager
def small_disk(mib):
    """A file system of its own, always unmounted. Needs root."""
    where = pathlib.Path(tempfile.mkdtemp(prefix="raksa-full-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "raksa-full", where], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=False)
        if os.path.ismount(where):
            subprocess.run(["umount", "--lazy", where], check=True)
        where.rmdir()


def fill(where):
    """Takes every byte that is left."""
    with open(where / "filler", "ab", buffering=0) as out:
        for size in (65536, 4096, 1):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def store_state(daemon):
    """(what the status page says is wrong, raksa_store_writable)"""
    writable = [line for line in daemon.get("/metrics")[1].splitlines() if line.startswith("raksa_store_writable ")]
    return daemon.json("/api/v1/status")["store"]["error"], writable[0].split()[1]


def newest(daemon):
    return max(float(s["values"][-1][0]) for s in daemon.query("port[1m]"))


def full_round(daemon, where, rng, before):
    """One life with a full disk. Gives (faults, what must be there afterwards)."""
    faults = []

    def told():
        fill(where)  # also what the daemon gives back meanwhile, such as a log that is not needed any more
        return store_state(daemon)[0] != "" and store_state(daemon)[1] == "0"
    if not wait_for(told, 15):
        faults.append(f"a full disk is not told: {store_state(daemon)}")
    seen_at = newest(daemon)
    if not wait_for(lambda: newest(daemon) > seen_at, 10):
        faults.append("with a full disk nothing new can be read")
    if rng.random() < 0.3:
        (where / "filler").unlink()
        if not wait_for(lambda: store_state(daemon) == ("", "1"), 20):
            faults.append(f"it does not go on when there is room again: {store_state(daemon)}")
        before = seen(daemon)
    else:
        time.sleep(rng.random() * 0.5)
    return faults, before


def run_full(kills, seed, say=print):
    """Gives (kills done, samples compared, list of faults)."""
    rng = random.Random(seed)
    faults, compared, number = [], 0, 0
    with small_disk(32) as where:
        daemon = Daemon(config(free_port()).replace("{dir}/data", str(where / "data")))
        try:
            before = set()
            for number in range(1, kills + 1):
                daemon.start(wait=False)  # the disk may still be full
                if not wait_for(daemon.ready, 20, 0.01):
                    faults.append(f"full {number}: it does not open again:\n{daemon.log_text()}")
                    break
                oldest = time.time() - 280
                missing = {s for s in before if s[1] > oldest} - seen(daemon)
                compared += len(before)
                if missing:
                    faults.append(f"full {number}: {len(missing)} samples are missing, for example {sorted(missing)[:2]}")
                (where / "filler").unlink(missing_ok=True)
                if not wait_for(lambda: store_state(daemon) == ("", "1"), 20):
                    faults.append(f"full {number}: no samples are taken although there is room: {store_state(daemon)}")
                time.sleep(rng.random() * 0.5)
                before = seen(daemon)
                more, before = full_round(daemon, where, rng, before)
                for fault in more:
                    faults.append(f"full {number}: {fault}")
                    say(faults[-1])
                if number % 10 == 3:
                    daemon.stop()  # and starts again on the full disk
                else:
                    daemon.kill()
                if number % 20 == 0 or number == kills:
                    (where / "filler").unlink(missing_ok=True)
                    faults += [f"full {number}: {f}" for f in store_faults(where / "data")]
                if number % 20 == 0:
                    say(f"{number} kills or stops with a full disk, {compared} samples compared, {len(faults)} faults")
        finally:
            daemon.close()
    return number, compared, faults


def stopped(pid):
    """Whether every thread of a process stands still: one that writes stops only when that is done."""
    stats = [(task / "stat").read_text() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return all(stat.rsplit(")", 1)[1].split()[0] in "tT" for stat in stats)


def damage(path, rng, page):
    """Cuts the last page off, or within it, or fills it with noise."""
    size = path.stat().st_size
    if size < 2 * page:
        return
    how = rng.randrange(3)
    with open(path, "r+b") as file:
        if how == 0:
            file.truncate(size - page)
        elif how == 1:
            file.truncate(size - rng.randrange(1, page))
        else:
            file.seek(size - page)
            file.write(rng.randbytes(page))


def run_torn(rounds, seed, say=print):
    """Gives (copies tried, those of them that took no more samples, list of faults). Whatever the end of the WAL or of the log
    of samples holds the store opens, takes samples and is clean: that is a crash of the machine, which may cost the last
    moments. Whatever the last page of the file holds (a broken disk) it opens, and check says what is damaged; when that page must be written
    it takes no more samples and says so."""
    rng = random.Random(seed)
    daemon = Daemon(config(free_port()))
    faults, number, stuck = [], 0, 0
    try:
        daemon.start()
        wait_for(lambda: len(seen(daemon)) > 500, 60)
        for number in range(1, rounds + 1):
            time.sleep(rng.random() * 0.3)
            copy = daemon.dir / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            daemon.process.send_signal(19)  # SIGSTOP: the copy is of one moment
            wait_for(lambda: stopped(daemon.process.pid), 10, 0.001)
            try:
                copy.mkdir()
                for pattern in ("samples.db", "samples.db-wal", "samples-*.log"):
                    for file in (daemon.dir / "data").glob(pattern):
                        shutil.copy(file, copy)
            finally:
                daemon.process.send_signal(18)  # SIGCONT
            logs = sorted((file.name for file in copy.glob("samples-*.log")), key=lambda name: int(name[8:-4]))
            which = rng.choice(["samples.db-wal", "samples.db", *logs[-1:]])
            if not (copy / which).exists():
                continue
            damage(copy / which, rng, 1024 + 24 if which.endswith("wal") else 1024)
            crash = which != "samples.db"
            now = int(time.time())
            taken = True
            for offset in (0, 1):
                text = f'torn{{target="torn"}} {offset} {now + offset}\n# EOF\n'
                done = subprocess.run([str(RAKSA), "store", "import", "-", "--dir", str(copy)], input=text, capture_output=True,
                                      text=True, timeout=60)
                taken = taken and done.returncode == 0
                if done.returncode != 0 and (crash or "malformed" not in done.stderr):
                    faults.append(f"torn {number} ({which}): {done.stderr[-400:]}")
            stuck += not taken
            done = subprocess.run([str(RAKSA), "store", "check", "--dir", str(copy)], capture_output=True, text=True, timeout=60)
            aside = list(copy.glob("*.unreadable-*"))
            if crash and (done.returncode != 0 or aside):
                faults.append(f"torn {number} ({which}): {done.stdout[-400:]} {aside}")
            if not taken and done.returncode == 0:
                faults.append(f"torn {number} ({which}): it takes no samples and check finds nothing")
            if done.returncode == 1 and "problem" not in done.stdout:
                faults.append(f"torn {number} ({which}): damage without a name: {done.stdout[-400:]}")
            if done.returncode == 2:
                faults.append(f"torn {number} ({which}): {done.stderr[-400:]}")
            if number % 20 == 0:
                say(f"{number} torn copies, {len(faults)} faults")
        return number, stuck, faults
    finally:
        daemon.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--full", type=int, default=200)
    parser.add_argument("--torn", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    faults = []
    if args.kills > 0:
        kills, compared, found, slowest = run(args.kills, args.seed)
        print(f"{kills} kills, {compared} samples compared, {len(found)} faults, slowest start {slowest:.2f} s", flush=True)
        faults += found
    if args.full > 0:
        kills, compared, found = run_full(args.full, args.seed)
        print(f"{kills} kills with a full disk, {compared} samples compared, {len(found)} faults", flush=True)
        faults += found
    if args.torn > 0:
        copies, stuck, found = run_torn(args.torn, args.seed)
        print(f"{copies} torn copies, {stuck} took no more samples (file damaged), {len(found)} faults", flush=True)
        faults += found
    for fault in faults[:20]:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
