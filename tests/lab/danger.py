"""Dangers on a real server: what each of them is, and what the host itself says of what was done there."""
import json
import re
import subprocess
import time

from lab_world import LAB, RAKSA, ROOT, STATE, Raksa, lab, seconds, wait_for
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


def approve_it(raksa, incident):
    status, text = raksa.request("POST", f"/api/v1/incidents/{incident['id']}/approve", json.dumps({"by": "test"}), {"Content-Type": "application/json"})
    if status != 200:
        raise AssertionError(f"approve: {status} {text}")


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
                approve_it(first, found)
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
                approve_it(second, found)
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


def watching(name, target, **kinds):
    """A Raksa that sees the target well."""
    raksa = Raksa(name, **kinds).start()
    if not wait_for(lambda: raksa.well(target), 60, 0.2):
        raksa.stop()
        raise AssertionError("the target was not well before")
    return raksa


def waits_for_people(raksa, target, begun):
    return wait_for(lambda: next((i for i in raksa.incidents(target, begun) if i["state"] == "needs human"), None), 60, 0.2)


def two_raksas(target):
    """Two of them watch one host; only one may act."""
    faults = []
    first = watching("danger-one", target)
    second = watching("danger-two", target, edit=lambda text: text.replace("127.0.0.1:8001", "127.0.0.1:8002"))
    try:
        witness, begun = Witness(target), time.time()
        lab("break", target, "db-killed")
        for raksa in (first, second):
            incident = closed(raksa, target, begun)
            faults += true_timeline(incident) if incident else ["an incident did not close"]
        if witness.docker(CONTAINER, "start") != 1:
            faults.append(f"{witness.docker(CONTAINER, 'start')} starts: only one of them may act")
        return faults + witness.denied()
    finally:
        first.stop()
        second.stop()


def wrong_host_key(target, other):
    """The key that is kept is not the server's: nobody logs in."""
    healthy(target)
    wrong = STATE / "known_hosts.wrong"
    true = {line.split()[0]: line.split() for line in (STATE / "true_known_hosts").read_text().splitlines()}
    address = {row.split("\t")[0]: row.split("\t")[1] for row in (STATE / "servers").read_text().splitlines()}
    wrong.write_text(" ".join([address[target], *true[address[other]][1:]]) + "\n")
    raksa = watching("danger-key", target, edit=lambda text: text.replace(str(STATE / "known_hosts"), str(wrong)))
    try:
        witness, begun = Witness(target), time.time()
        lab("break", target, "db-killed")
        found = waits_for_people(raksa, target, begun)
        if not found or found["cause"] != "host-key-not-trusted":
            return [f"not told as a key that is not trusted: {found}"]
        if witness.docker(CONTAINER, "start") or witness.sudo(""):
            return [f"somebody logged in: {witness.sudo('')}"]
        return true_timeline(newest(raksa, target, begun))
    finally:
        raksa.stop()


def other_machine(target):
    """The machine-id changes after the first contact: nothing is changed there."""
    healthy(target)
    raksa = watching("danger-machine", target)
    before = inside(target, "cat", "/etc/machine-id").strip()
    try:
        begun = time.time()
        lab("break", target, "app-killed")
        if not closed(raksa, target, begun):
            return ["the first repair did not close"]
        inside(target, "sh", "-c", "echo 0123456789abcdef0123456789abcdef > /etc/machine-id")
        witness, begun = Witness(target), time.time()
        lab("break", target, "db-killed")
        if not waits_for_people(raksa, target, begun):
            return [f"not handed to people: {raksa.incidents(target, begun)}"]
        incident = newest(raksa, target, begun)
        if "machine-id" not in json.dumps(incident["timeline"]):
            return ["the timeline does not speak of the machine-id"]
        starts = witness.docker(CONTAINER, "start")
        return ([f"{starts} starts on another machine"] if starts else []) + true_timeline(incident)
    finally:
        raksa.stop()
        inside(target, "sh", "-c", f"echo {before} > /etc/machine-id")


def cut_in_a_step(target):
    """The session ends while `systemctl restart` runs: what is not known is looked at, not repeated."""
    folder = "/run/systemd/system/nginx.service.d"
    inside(target, "sh", "-c", f"mkdir -p {folder}; printf '[Service]\\nExecStartPre=/bin/sleep 3\\n' > {folder}/slow.conf; systemctl daemon-reload")
    raksa = watching("danger-cut", target)
    try:
        witness, begun = Witness(target), time.time()
        lab("break", target, "nginx-stopped")
        if not wait_for(lambda: witness.sudo("systemctl restart"), 40, 0.1):
            return ["no restart was asked for"]
        cut_session(target)
        incident = closed(raksa, target, begun)
        if not incident:
            return ["the incident did not close"]
        faults = true_timeline(incident)
        if incident["outcome"] != "fixed":
            faults.append(f"the outcome is {incident['outcome']!r}")
        if len(witness.sudo("systemctl restart")) != 1 or witness.starts_of_unit("nginx.service") != 1:
            faults.append(f"repeated: sudo {len(witness.sudo('systemctl restart'))}, systemd {witness.starts_of_unit('nginx.service')}")
        return faults
    finally:
        raksa.stop()
        inside(target, "sh", "-c", f"rm -r {folder}; systemctl daemon-reload")


def listens(target, command, port=80):
    return wait_for(lambda: f'"{command}"' in inside(target, "ss", "-ltnpH", f"sport = :{port}"), 10, 0.1)


def named_and_not_killed(target, names):
    """Processes that are called like those that must live hold nginx's port: the examination names them and has no remedy."""
    faults = []
    inside(target, "systemctl", "stop", "nginx")
    perl = "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort=>80, Listen=>5, ReuseAddr=>1) or die; sleep 600;"
    inside(target, "mkdir", "-p", "/run/lab/live")  # /run itself has folders of these names
    for name in names:
        program = f"/run/lab/live/{name}"
        inside(target, "sh", "-c", f"cp /usr/bin/perl {program}; setsid -f {program} -e '{perl}' </dev/null >/dev/null 2>&1")
        if not listens(target, name):
            faults.append(f"{name} does not listen")
        done = subprocess.run([str(ROOT / "lab/mon"), str(RAKSA), "diagnose", target, "--json", "-c", str(LAB / "raksa.yaml")], capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL)
        nginx = next(f for f in json.loads(done.stdout)["findings"] if f["component"] == "nginx")
        if nginx["cause"] != "service-address-in-use" or name not in nginx["evidence"] or nginx.get("remedy"):
            faults.append(f"{name}: {nginx['cause']} {nginx['evidence']} {nginx.get('remedy')}")
        inside(target, "sh", "-c", f"pkill -f '^{program} -e'; rm -f {program}", check=False)
        wait_for(lambda: not inside(target, "ss", "-ltnH", "sport = :80").strip(), 10, 0.1)
    return faults


def holder_lives(target, fault, command, words):
    """Something that must live holds nginx's port, by a fault of the lab: it lives on, and the message says who holds it."""
    healthy(target)
    raksa = watching("danger-holder", target)
    try:
        witness, begun = Witness(target), time.time()
        lab("break", target, fault)

        def holder():
            return re.findall(r'"([^"]+)",pid=(\d+)', inside(target, "ss", "-ltnpH", "sport = :80"))
        before = holder()
        if not before or before[0][0] != command:
            return [f"{command} does not hold the port: {before}"]
        faults = [] if waits_for_people(raksa, target, begun) else [f"not handed to people: {raksa.incidents(target, begun)}"]
        if not wait_for(lambda: any(all(word in texts(m) for word in (command, before[0][1], *words)) for m in line_messages(begun, target)), 15, 0.2):
            faults.append(f"the message does not say who holds it: {[texts(m) for m in line_messages(begun, target)]}")
        if holder() != before or witness.sudo("kill"):
            faults.append(f"{command} was not left alone: {holder()} {witness.sudo('kill')}")
        return faults
    finally:
        raksa.stop()
        lab("heal", target)


FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


def clock_moved(target, shift):
    """The monitor's wall clock is set while it repairs, and set back while it watches: nothing is done twice, nothing waits for hours."""
    healthy(target)
    clock = STATE / "clock"
    clock.write_text("+0")
    raksa = Raksa("danger-clock")
    raksa.start(LD_PRELOAD=FAKETIME, FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1", DONT_FAKE_MONOTONIC="1")
    try:
        if not wait_for(lambda: raksa.well(target), 60, 0.2):
            return ["the target was not well before"]
        witness, begun = Witness(target), time.time()
        lab("break", target, "db-killed")
        if not wait_for(lambda: any(i["state"] in ("diagnosing", "acting") for i in raksa.incidents(target)), 40, 0.02):
            return ["it was not acted on"]
        clock.write_text(shift)
        if not wait_for(lambda: any(i["state"] == "holding" for i in raksa.incidents(target)), 40, 0.1):
            return [f"it was not repaired: {raksa.incidents(target)}"]
        clock.write_text("+0")
        incident = closed(raksa, target, 0)
        if not incident:
            return [f"it did not close: {raksa.incidents(target)}"]
        # That the clock was set is seen in the timeline's times, and only there.
        faults = [fault for fault in judge_once(witness, incident, raksa, target, 0) if "backwards" not in fault]
        if not [m for m in line_messages(begun, target) if incident["id"] in texts(m)]:
            faults.append("nobody was told")
        return faults
    finally:
        raksa.stop()


def host_reboots(target):
    """The host is switched off while it is repaired, and on again: nobody does anything twice, the incident ends."""
    healthy(target)
    raksa = watching("danger-reboot", target)
    try:
        begun = time.time()
        lab("break", target, "docker-stopped")
        if not wait_for(lambda: any(i["state"] in ("acting", "settling", "verifying") for i in raksa.incidents(target, begun)), 40, 0.02):
            return ["it was not acted on"]
        lab("break", target, "host-down")
        lab("heal", target)
        lab("wait-healthy", target, 60)
        incident = closed(raksa, target, begun, 150)
        if not incident:
            return [f"the incident did not close: {raksa.incidents(target, begun)}"]
        faults = true_timeline(incident)
        if len(Witness(target).sudo("systemctl restart")) > 1:
            faults.append("the engine was restarted twice")
        return faults
    finally:
        raksa.stop()
