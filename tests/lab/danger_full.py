#!/usr/bin/env python3
"""Every danger on a real server, each several times; writes docs/results/danger.md. `make lab-danger`. Takes about twelve minutes a round."""
import datetime
import sys
import time

import danger
from danger import STATES
from lab_world import lab, long_table

MUST_LIVE = ["dockerd", "containerd", "docker-proxy", "raksa", "systemd", "sshd"]


def table():
    """Name → function that gives what went wrong."""
    out = {f"killed with -9 at: {state}": lambda state=state: danger.killed_at(state, "web1")[0] for state in STATES}
    out["killed with -9 at: awaiting approval"] = lambda: danger.killed_at("awaiting approval", "web1", approve=True)[0]
    out["killed with -9 at: acting, after a person's yes"] = lambda: danger.killed_at("acting", "web1", approve=True)[0]
    out["two Raksas on one host"] = lambda: danger.two_raksas("web1")
    out["another host key"] = lambda: danger.wrong_host_key("web1", "web2")
    out["another machine-id"] = lambda: danger.other_machine("web1")
    out["SSH cut in the middle of a step"] = lambda: danger.cut_in_a_step("web1")
    out["called like what must live: " + ", ".join(MUST_LIVE)] = lambda: danger.named_and_not_killed("web1", MUST_LIVE)
    out["sshd itself on nginx's port"] = lambda: danger.holder_lives("web1", "nginx-port-taken-by-sshd", "sshd", ("left alone",))
    out["the engine's docker-proxy on nginx's port"] = lambda: danger.holder_lives("web1", "nginx-port-taken-by-container", "docker-proxy",
                                                                                 ("squatter", "left alone"))
    out["the clock is set an hour ahead while it repairs, and back"] = lambda: danger.clock_moved("web1", "+3600")
    out["the clock is set an hour back while it repairs, and ahead"] = lambda: danger.clock_moved("web1", "-3600")
    out["host switched off and on while it is repaired"] = lambda: danger.host_reboots("web1")
    return out


def page(rows, rounds):
    lines = ["# Dangers", "",
             "What must not go wrong when something goes wrong in the middle of a repair, on a real server of the lab. After each the host's own",
             "records were read: docker's events, sudo's log and systemd's journal show each change exactly once (or not at all where nobody may act),",
             "the incident is closed or with people, its timeline has no hole and says what was not known.", "",
             f"Made {datetime.date.today()} by `make lab-danger` (`tests/lab/danger_full.py --rounds {rounds}`).", "",
             "| danger | good | seconds | what went wrong |", "|---|---|---|---|"]
    lines += [f"| {name} | {good} of {of} | {took:.0f} | {told.replace('|', '/')} |" for name, good, of, took, told in rows]
    lines += ["", f"**{sum(r[1] for r in rows)} of {sum(r[2] for r in rows)} good.** The clock that is set is the monitor's; the lab's servers share one kernel and its clock."]
    return "\n".join(lines) + "\n"


def arguments(parser):
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default="", help="only dangers whose name holds this")


def play(args, _servers):
    rows = []
    for name, run in table().items():
        if args.only not in name:
            continue
        faults, began = [], time.time()
        for _ in range(args.rounds):
            try:
                danger.healthy("web1")
                faults.append(run())
            except Exception as error:  # noqa: BLE001 - a danger that breaks the test is a finding too
                faults.append([f"{type(error).__name__}: {error}"[-600:]])
        good = sum(1 for each in faults if not each)
        told = "; ".join(sorted({fault for each in faults for fault in each}))
        rows.append((name, good, args.rounds, (time.time() - began) / args.rounds, told))
        print(f"{good} of {args.rounds}  {name}  {told}", flush=True)
    lab("heal", "web1")
    return {} if args.only else {"results/danger.md": page(rows, args.rounds)}, all(row[1] == row[2] for row in rows)


if __name__ == "__main__":
    sys.exit(long_table(__doc__, 2, arguments, play))
