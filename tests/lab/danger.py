"""Dangers on a real server: what each of them is, and what the host itself says of what was done there."""
import json
import re
import signal
import subprocess
import time

from lab_world import ROOT, Raksa, lab, seconds, wait_for
from scenario import line_messages, texts

CONTAINER = "web-database"
ACTING_STATES = ("acting", "acting+60", "acting+250", "acting+600")
STATES = ("confirming", "diagnosing", "planned", *ACTING_STATES, "settling", "verifying", "holding", "resolved")


def inside(name, *words, check=True, limit=60):
    done = subprocess.run([str(ROOT / "lab/sh"), name, *words], capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL)
    if check and done.returncode != 0:
        raise AssertionError(f"{name}: {words}: {done.returncode} {done.stdout}{done.stderr}")
    return done.stdout


class Witness:
    """The host's own record since a moment: docker's events, sudo's log, systemd's journal."""

    def __init__(self, name):
        self.name = name
        self.since = inside(name, "date", "+%s.%N").strip()
        time.sleep(0.01)

    def docker(self, container, event):
        """How often docker noted that event of a container."""
        now = inside(self.name, "date", "+%s.%N").strip()
        out = inside(self.name, "docker", "events", "--since", self.since, "--until", now, "--filter", f"container={container}",
                     "--filter", f"event={event}", "--format", "{{.Action}}")
        return len(out.split())

    def sudo(self, command):
        """Commands that sudo ran for ops and whose text holds `command`."""
        out = inside(self.name, "journalctl", "--no-pager", "-q", "-o", "cat", "_COMM=sudo", f"--since=@{self.since.split('.')[0]}")
        return [line for line in out.splitlines() if "COMMAND=" in line and "ops :" in line and command in line.split("COMMAND=")[1]]

    def denied(self):
        out = inside(self.name, "journalctl", "--no-pager", "-q", "-o", "cat", "_COMM=sudo", f"--since=@{self.since.split('.')[0]}")
        return [line for line in out.splitlines() if "command not allowed" in line or "password is required" in line]

    def starts_of_unit(self, unit):
        out = inside(self.name, "journalctl", "--no-pager", "-q", "-o", "cat", "-u", unit, f"--since=@{self.since.split('.')[0]}")
        return sum(1 for line in out.splitlines() if line.startswith("Starting "))


def true_timeline(incident):
    """What is wrong with an incident's timeline; [] = nothing."""
    faults = []
    entries = incident["timeline"]
    numbers = [entry["seq"] for entry in entries]
    if numbers != list(range(1, len(numbers) + 1)):
        faults.append(f"the timeline has holes: {numbers}")
    times = [seconds(entry["at"]) for entry in entries]
    if times != sorted(times):
        faults.append("the timeline runs backwards")
    state = ""
    for entry in entries:
        if entry["kind"] == "state":
            if entry["data"].get("from", state) != state:
                faults.append(f"it was {state!r}, the timeline goes on from {entry['data'].get('from')!r}")
            state = entry["data"].get("to", state)
    if state != incident["state"]:
        faults.append(f"the timeline ends with {state!r}, the incident is {incident['state']!r}")
    return faults


def newest(raksa, target, since):
    found = raksa.incidents(target, since)
    return raksa.json("/api/v1/incidents/" + found[0]["id"]) if found else None


def closed(raksa, target, since, limit=90):
    """The one incident of a target since a moment, closed; None when time was over."""
    if not wait_for(lambda: any(i["closed"] for i in raksa.incidents(target, since)), limit, 0.2):
        return None
    return newest(raksa, target, since)


def healthy(name):
    lab("heal", name)
    lab("wait-healthy", name)


def killed_at(state, target, approve=False):
    """Raksa is killed as an incident's state is on disk, and started again. Gives what went wrong, [] = nothing, and the incident."""
    faults = []
    healthy(target)
    edit = (lambda text: text.replace("{mode: auto,", "{mode: approve,")) if approve else (lambda text: text)
    name = "danger-" + re.sub(r"\W", "-", state)
    first = Raksa(name, edit=edit)
    first.start(RAKSA_TEST_KILL_AT=state)
    try:
        if not wait_for(lambda: first.well(target), 60, 0.2):
            return ["the target was not well before"], None
        witness, begun = Witness(target), time.time()
        lab("break", target, "db-killed")
        if approve and state != "awaiting approval":
            found = wait_for(lambda: next((i for i in first.incidents(target, begun) if i["state"] == "awaiting approval"), None), 40, 0.1)
            if found:
                first.request("POST", f"/api/v1/incidents/{found['id']}/approve", json.dumps({"by": "test"}))
        if not wait_for(lambda: first.process.poll() is not None, 60, 0.02):
            return [f"it did not reach {state!r}"], newest(first, target, begun)
        before = witness.docker(CONTAINER, "start")
    finally:
        first.stop()
    second = Raksa(name, edit=edit, fresh=False).start()
    try:
        if approve:
            found = wait_for(lambda: next((i for i in second.incidents(target, begun) if i["state"] == "awaiting approval"), None), 40, 0.1)
            if found:
                second.request("POST", f"/api/v1/incidents/{found['id']}/approve", json.dumps({"by": "test"}))
        incident = closed(second, target, begun)
        if not incident:
            return [f"it did not close: {second.incidents(target, begun)}"], None
        faults += judge_once(witness, incident, second, target, begun)
        if state in ACTING_STATES and before == 0 and not any("result is not known" in e["text"] for e in incident["timeline"]):
            faults.append("the timeline does not say that a change was under way")
        if state != "resolved" and not any("taken up again after a restart" in e["text"] for e in incident["timeline"]):
            faults.append("the timeline does not say that the program was started again")
        wait_for(lambda: line_messages(begun, target), 10, 0.2)
        ends = [m for m in line_messages(begun, target) if "fixed" in texts(m).lower() or "healed" in texts(m).lower()]
        if not ends:
            faults.append("nobody was told of the end")
        return faults, incident
    finally:
        second.stop()


def judge_once(witness, incident, raksa, target, begun, starts=1):
    """The host's own record against what must be: one start, nothing denied, one incident, a true timeline."""
    faults = true_timeline(incident)
    seen = witness.docker(CONTAINER, "start")
    if seen != starts:
        faults.append(f"docker notes {seen} starts of {CONTAINER}, not {starts}")
    asked = [line for line in witness.sudo("docker start") if CONTAINER in line]
    if len(asked) != starts:
        faults.append(f"sudo notes {len(asked)} times docker start: {asked}")
    if witness.denied():
        faults.append(f"sudo refused: {witness.denied()[:3]}")
    if incident["outcome"] not in ("fixed", "healed by itself"):
        faults.append(f"the outcome is {incident['outcome']!r}")
    if len(raksa.incidents(target, begun)) != 1:
        faults.append(f"{len(raksa.incidents(target, begun))} incidents")
    return faults


def cut_session(target):
    """The account's sessions on the server are ended at once, as a cut cable would."""
    inside(target, "pkill", "-KILL", "-u", "ops", "-x", "sshd", check=False)


def kill_raksa(raksa):
    raksa.process.send_signal(signal.SIGKILL)
    raksa.process.wait(20)
