#!/usr/bin/env python3
"""Combined faults, and holders of a port that must not be killed, against the real daemon: into docs/results/combined.md.

    python3 tests/lab/combined.py [--servers N] [--only WORD] [--no-write]    (as root; `make lab-combined`)

Each case says which cause is the deepest, what must be repaired, how it must end and which messages must come; the table
says what came. Recovery's own defaults hold (budgets, hold, recurrence), for which every round begins with a fresh daemon; only
the brake against many failing hosts is off, since the servers break beside each other on purpose."""
import dataclasses
import pathlib
import re
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from lab_world import Raksa, lab, long_table, seconds, wait_for  # noqa: E402
from scenario import line_messages, texts  # noqa: E402

APPLICATION, DATABASE = "container:web-application", "container:web-database"


@dataclasses.dataclass(frozen=True)
class Case:
    """What is broken, and what must come of it."""
    name: str
    faults: tuple            # of lab/faults; all at once
    cause: str               # the incident's at its end: the deepest of what was repaired, or what is still wrong
    component: str
    outcome: str
    told: tuple              # the messages' tags, in this order
    steps: frozenset = frozenset()  # (component, step): what must have been done, and nothing else
    found: tuple = ()        # causes that must be among the findings besides
    says: tuple = ()         # words of the first message
    holder: str = ""         # the command that holds `port` and must be alive afterwards
    port: int = 80
    play: str = "once"       # how the faults are caused: a method of Play
    limit: int = 100         # seconds until it must have come to its end


def done(*pairs):
    return frozenset(pairs)


START_DB, START_APP = (DATABASE, "container-start"), (APPLICATION, "container-start")
START_NGINX, START_ENGINE = ("nginx", "service-start"), ("docker", "engine-start")

CASES = (
    Case("database down and nginx stopped", ("db-stopped", "nginx-stopped"), "container-stopped", DATABASE, "fixed", ("FIXED",),
         done(START_DB, START_NGINX), ("service-stopped",), ("web-database", "nginx")),
    Case("both containers killed", ("db-killed", "app-killed"), "container-killed", DATABASE, "fixed", ("FIXED",),
         done(START_DB, START_APP), (), ("web-database", "web-application")),
    Case("docker stopped and port 80 taken", ("docker-stopped", "nginx-port-taken"), "engine-not-running", "docker", "fixed", ("FIXED",),
         done(START_ENGINE, ("nginx", "free-port")), ("service-address-in-use",), ("docker", "hold-port")),
    Case("wrong configuration behind a stopped nginx", ("nginx-config-invalid", "nginx-stopped"), "nginx-config-invalid", "nginx",
         "reported", ("ALERT", "ENDED"), says=("nginx -t", "indexx", "Next")),
    Case("engine stopped and nginx misconfigured", ("docker-socket-stopped", "nginx-config-invalid"), "nginx-config-invalid", "nginx",
         "not fixed", ("NOT FIXED", "ENDED"), done(START_ENGINE), ("engine-not-running",), ("indexx", "docker")),
    Case("firewall block and database killed", ("port-blocked", "db-killed"), "firewall-port-blocked", "firewall",
         "not fixed", ("NOT FIXED", "ENDED"), done(START_DB), ("container-killed",), ("80", "web-database")),
    Case("disk full, so that a restart fails", ("app-cannot-write",), "host-disk-full", "host",
         "not fixed", ("NOT FIXED", "ENDED"), done(), ("container-killed",), ("A disk is full", "make room", "web-application")),
    Case("a repair that makes no difference", ("app-answers-wrong", "app-killed"), "container-killed", APPLICATION,
         "not fixed", ("NOT FIXED", "ENDED"), done(START_APP), says=("web-application", "http_code 404", "no other cause"), play="one_after_the_other"),
    Case("application's port taken by another container", ("app-port-taken-by-container",), "container-address-in-use", APPLICATION,
         "reported", ("ALERT", "ENDED"), says=("squatter", "left alone"), holder="docker-proxy", port=8080),
    Case("nginx's port held by another container", ("nginx-port-taken-by-container",), "service-address-in-use", "nginx",
         "reported", ("ALERT", "ENDED"), says=("squatter", "left alone"), holder="docker-proxy"),
    Case("nginx's port held by sshd", ("nginx-port-taken-by-sshd",), "service-address-in-use", "nginx",
         "reported", ("ALERT", "ENDED"), says=("sshd (pid", "left alone"), holder="sshd"),
    Case("nginx's port held by another unit", ("nginx-port-taken-by-unit",), "service-address-in-use", "nginx",
         "reported", ("ALERT", "ENDED"), says=("rogue-web.service", "left alone"), holder="hold-port"),
    Case("nginx's port held by a raksa", ("nginx-port-taken-by-raksa",), "service-address-in-use", "nginx",
         "reported", ("ALERT", "ENDED"), says=("raksa (pid", "left alone"), holder="raksa"),
    Case("database down, and nginx's port held by another unit", ("db-killed", "nginx-port-taken-by-unit"), "service-address-in-use",
         "nginx", "not fixed", ("NOT FIXED", "ENDED"), done(START_DB), ("container-killed",), ("rogue-web.service", "web-database"),
         holder="hold-port"),
    Case("somebody starts the container again within 2 s", ("app-bounced",), "", "", "healed by itself", (), play="bounced"),
    Case("a deploy holds, and the service comes back by itself", ("nginx-stopped",), "service-stopped", "nginx", "healed by itself",
         ("ALERT", "HEALED"), says=("/run/raksa.hold",), play="held"),
    Case("nginx stopped again while it is watched", ("nginx-stopped",), "service-stopped", "nginx", "fixed then recurred",
         ("FIXED", "FIXED AGAIN"), done(START_NGINX), play="stopped_again"),
    Case("a container that dies again after 12 s, twice", ("app-dies-again",), "container-killed", APPLICATION, "fixed then recurred",
         ("FIXED", "FIXED AGAIN", "CAME BACK", "ENDED"), done(START_APP), play="dies_again", limit=150),
    Case("nginx stopped a fourth time in the hour", ("nginx-stopped",), "service-stopped", "nginx", "reported",
         ("FIXED", "FIXED", "FIXED", "ALERT", "ENDED"), done(START_NGINX), says=("nginx",), play="beyond_recurrence", limit=240),
)


class Play:
    """One case on one server. `faults` collects what is not as it must be."""

    def __init__(self, raksa, target, case):
        self.raksa, self.target, self.case = raksa, target, case
        self.faults, self.messages, self.incidents, self.told = [], [], [], []
        self.began = self.took = 0.0
        self.before = None

    def good(self):
        return not self.faults

    def tell(self):
        return f"{self.target} {self.case.name}: {'good' if self.good() else 'BAD: ' + '; '.join(self.faults)}"

    def run(self):
        lab("heal", self.target)
        if not wait_for(lambda: self.raksa.well(self.target), 90, 0.2):
            self.faults.append("the target was not well before")
            return self
        self.began = time.time()
        try:
            getattr(self, self.case.play)()
            self.collect()
            self.judge()
        finally:
            lab("heal", self.target, check=False)
        return self

    # How a case goes.

    def once(self):
        """All faults at once, to the end; what people must mend is mended when they have been told."""
        threads = [threading.Thread(target=lab, args=("break", self.target, fault)) for fault in self.case.faults]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.before = self.holding()
        self.to_the_end()

    def one_after_the_other(self):
        for fault in self.case.faults:
            lab("break", self.target, fault)
        self.to_the_end()

    def bounced(self):
        """Three times, at any moment between two probes: nothing, or an incident that says how it ended."""
        for _ in range(3):
            lab("break", self.target, self.case.faults[0])
            time.sleep(7.3)
        if self.open():
            self.to_the_end()

    def held(self):
        lab("sh", self.target, "sh", "-c", "echo deploy >/run/raksa.hold")
        lab("break", self.target, "nginx-stopped")
        self.wait("a refusal", lambda: any("raksa.hold" in e["text"] for e in self.timeline()))
        self.wait("a message", lambda: self.tags() == ["ALERT"])
        lab("sh", self.target, "systemctl", "start", "nginx")
        self.wait("its end", lambda: self.ended(1))

    def stopped_again(self):
        lab("break", self.target, "nginx-stopped")
        self.wait("a repair", lambda: self.state() == "holding")
        time.sleep(2)
        lab("break", self.target, "nginx-stopped")
        self.wait("its end", lambda: self.ended(1))

    def dies_again(self):
        lab("break", self.target, "app-dies-again")
        self.to_the_end()

    def beyond_recurrence(self):
        for number in range(1, 5):
            lab("break", self.target, "nginx-stopped")
            self.wait(f"incident {number}", lambda n=number: len(self.found()) == n)
            if number < 4:
                self.wait(f"end {number}", lambda n=number: self.ended(n) and self.raksa.well(self.target))
        self.to_the_end()

    # What is seen of it.

    def found(self):
        return self.raksa.incidents(self.target, self.began)

    def open(self):
        return [i for i in self.found() if not i["closed"]]

    def ended(self, count):
        found = self.found()
        return len(found) == count and all(i["closed"] for i in found)

    def state(self):
        return next((i["state"] for i in self.found()), "")

    def timeline(self):
        return [e for i in self.found() for e in self.raksa.json("/api/v1/incidents/" + i["id"])["timeline"]]

    def tags(self):
        return [m.group(1) for m in (re.match(r"\[([A-Z ?]+)\]", texts(m)) for m in line_messages(self.began, self.target)) if m]

    def wait(self, what, condition):
        end = self.began + self.case.limit
        if not wait_for(condition, max(1.0, end - time.time()), 0.1):
            raise AssertionError(f"no {what} in {self.case.limit} s: {self.found()} {self.tags()}")

    def to_the_end(self):
        """To a closed incident; when a person is asked, that person comes."""
        self.wait("end", lambda: self.found() and (not self.open() or self.state() == "needs human"))
        if self.open():
            self.took = time.time() - self.began
            wait_for(lambda: self.tags()[-1:] and self.tags()[-1] in ("ALERT", "NOT FIXED", "CAME BACK", "MADE WORSE"), 10)
            time.sleep(6)  # one more interval: nothing else may be done or told
            self.spared()
            lab("heal", self.target)
            if not wait_for(lambda: not self.open(), 60, 0.2):
                self.faults.append("the incident did not close after people had mended it")

    def holding(self):
        """(pid, start time, command) of who listens on the port."""
        if not self.case.holder:
            return None
        text = lab("sh", self.target, "ss", "-ltnpH", f"sport = :{self.case.port}")
        seen = re.search(r'\("([^"]+)",pid=(\d+)', text)
        if not seen:
            return None
        stat = lab("sh", self.target, "cat", f"/proc/{seen.group(2)}/stat").rsplit(")", 1)[1].split()
        return int(seen.group(2)), int(stat[19]), seen.group(1)

    def spared(self):
        if self.case.holder:
            now = self.holding()
            if now is None or now != self.before or now[2] != self.case.holder:
                self.faults.append(f"the holder was {self.before} and is {now}")

    def collect(self):
        wait_for(lambda: len(self.tags()) >= len(self.case.told), 10, 0.2)
        time.sleep(0.5)  # one too many would come now
        self.told = self.tags()
        self.messages = [texts(m) for m in line_messages(self.began, self.target)]
        self.incidents = [self.raksa.json("/api/v1/incidents/" + i["id"]) for i in self.found()]  # newest first

    # What must be.

    def judge(self):
        case, wrong = self.case, self.faults.append
        if case.play == "bounced":
            return self.judge_bounced()
        incident = self.incidents[0]
        for name in ("cause", "component", "outcome"):
            if incident[name] != getattr(case, name):
                wrong(f"{name} is {incident[name]!r}, not {getattr(case, name)!r}")
        made = {(s["component"], s["step"]) for i in self.incidents for s in i["steps"] if s["done"]}
        if made != case.steps:
            wrong(f"done is {sorted(made)}, not {sorted(case.steps)}")
        text = "\n".join(e["text"] for i in self.incidents for e in i["timeline"]) + str([i["timeline"] for i in self.incidents])
        for cause in case.found:
            if cause not in text:
                wrong(f"the timeline does not name {cause}")
        if tuple(self.told) != case.told:
            wrong(f"the messages are {self.told}, not {list(case.told)}")
        asked = [m for m in self.messages if re.match(r"\[(ALERT|NOT FIXED|CAME BACK)\]", m)] or self.messages
        for word in case.says:
            if asked and word not in asked[0]:
                wrong(f"the message does not say {word!r}")
        for each in self.incidents:
            numbers = [entry["seq"] for entry in each["timeline"]]
            if numbers != list(range(1, len(numbers) + 1)):
                wrong("the timeline has holes")
        return None

    def judge_bounced(self):
        """Whatever was seen of it, nothing may be claimed that was not so."""
        for incident in self.incidents:
            made = [s for s in incident["steps"] if s["done"]]
            if incident["outcome"] not in ("healed by itself", "fixed"):
                self.faults.append(f"outcome is {incident['outcome']!r}")
            if (incident["outcome"] == "fixed") != bool(made):
                self.faults.append(f"{incident['outcome']!r} with steps {made}")
        wanted = {"healed by itself": "HEALED", "fixed": "FIXED"}
        if self.told != [wanted.get(i["outcome"]) for i in reversed(self.incidents)]:
            self.faults.append(f"the messages are {self.told}")

    def evidence(self):
        for incident in self.incidents:
            for finding in incident["findings"]:
                if finding["cause"] and finding["cause"] == incident["cause"]:
                    return finding["evidence"]
            for entry in reversed(incident["timeline"]):
                if entry["kind"] == "finding" and isinstance(entry["data"], dict) and entry["data"].get("cause") == incident["cause"]:
                    return entry["data"].get("evidence", "")
        return ""

    def row(self):
        incident = self.incidents[0] if self.incidents else None
        if incident is None:
            return [self.case.name, "no incident: it was over before a probe saw it", "", "", "", "", "yes" if self.good() else "**no**"]
        steps = ", ".join(dict.fromkeys(f"{s['component']}: {s['step']}{'' if s['done'] else ' (failed)'}"
                                        for i in reversed(self.incidents) for s in i["steps"])) or "nothing"
        took = self.took or (seconds(incident["verified"] or incident["closed"]) or time.time()) - self.began
        outcomes = ", ".join(i["outcome"] for i in reversed(self.incidents))
        return [self.case.name, f"{incident['cause'] or '–'} of {incident['component'] or '–'}: {self.evidence()[:160]}", steps, outcomes,
                ", ".join(self.told), f"{took:.0f}", "yes" if self.good() else "**no**"]


def settings(text):
    """Recovery's defaults, without the brake."""
    return re.sub(r"(?m)^recovery:.*$", "recovery: {mode: auto, fleet_brake: {hosts: 100, percent: 100}}", text)


def play_round(number, cases, servers):
    """Up to one case a server, beside each other, with a fresh daemon."""
    plays = []
    with Raksa(f"combined-{number}", edit=settings) as raksa:
        for target, case in zip(servers, cases):
            plays.append(Play(raksa, target, case))

        def one(play):
            try:
                play.run()
            except Exception as error:  # pylint: disable=broad-except
                play.faults.append(f"{type(error).__name__}: {error}"[:1500])
                play.collect()
            print(f"{time.strftime('%T')} {play.tell()}", flush=True)
        threads = [threading.Thread(target=one, args=(play,)) for play in plays]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return plays


def play_all(cases, servers):
    """In rounds; the long cases first, so that they share one."""
    ordered = sorted(cases, key=lambda case: -case.limit)
    plays = []
    for begin in range(0, len(ordered), len(servers)):
        plays += play_round(begin // len(servers), ordered[begin:begin + len(servers)], servers)
    return sorted(plays, key=lambda play: CASES.index(play.case))


def page(plays, servers):
    cell = lambda text: str(text).replace("|", "\\|").replace("\n", " ")  # noqa: E731
    good = sum(play.good() for play in plays)
    out = ["# Combined faults in the lab", "",
           f"Real servers (lab/README.md), {servers} at once, mode auto with recovery's defaults; made by `make lab-combined` on "
           f"{time.strftime('%Y-%m-%d')}. {good} of {len(plays)} as they must be: the deepest cause and its component, what was repaired and "
           "nothing else, the outcome, exactly these messages with what they must say, a timeline without holes; and where a holder "
           "of the port must not be killed, its pid and start time afterwards. *Seconds*: from the fault to the proof, or until a person is asked.",
           "", "| case | deepest cause and its evidence | repaired | outcome | messages | seconds | right |", "|---|---|---|---|---|---|---|"]
    out += ["| " + " | ".join(map(cell, play.row())) + " |" for play in plays]
    bad = [play.tell() for play in plays if not play.good()]
    if bad:
        out += ["", "Wrong:", "", *(f"- {cell(line)[:400]}" for line in bad)]
    held = [play for play in plays if play.case.holder and play.before]
    if held:
        out += ["", "## Holders that are alive afterwards", ""]
        out += [f"- {p.case.name}: {p.before[2]}, pid {p.before[0]}, start time {p.before[1]}: {'the same' if p.good() else '**see above**'}"
                for p in held]
    out += ["", "## The messages", ""]
    for play in plays:
        out += [f"### {play.case.name}", "", *(f"```\n{m}\n```\n" for m in play.messages)]
    return "\n".join(out).rstrip() + "\n"


def arguments(parser):
    parser.add_argument("--only", default="", help="cases whose name has this in it; several separated by |")


def play(args, servers):
    plays = play_all([case for case in CASES if re.search(args.only, case.name)], servers)
    return {"results/combined.md": page(plays, len(servers))}, plays and all(each.good() for each in plays)


if __name__ == "__main__":
    sys.exit(long_table(__doc__, 4, arguments, play))
