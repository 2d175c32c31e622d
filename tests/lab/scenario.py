"""One fault on one real server, from the break to the end of its incident, with its times and its messages."""
import dataclasses
import random
import time

from lab_world import lab, messages, seconds, wait_for


@dataclasses.dataclass(frozen=True)
class Situation:
    """A fault of lab/faults and the cause, component and outcome that its incident must have."""
    name: str
    fault: str
    cause: str
    component: str
    outcome: str = "fixed"
    metric: str = ""  # of reports: what the incident is about
    says: str = ""    # what its message must name besides

    @property
    def report(self):
        """Nothing is repaired: it is told, and ends when the fault is taken away."""
        return self.outcome == "reported"

    @property
    def loads(self):
        """The metric of the whole machine that it loads, so that no other may run beside it; "" for most."""
        return self.metric if self.metric in ("cpu_percent", "mem_percent") else ""


def _named(*situations):
    return {situation.fault: situation for situation in situations}


CPU = Situation("CPU above 80 %", "cpu-high", "host-cpu-high", "host", "reported", "cpu_percent", "stress-ng")
MEMORY = Situation("memory above 80 %", "memory-high", "host-memory-high", "host", "reported", "mem_percent", "take-memory")

# The source design's nine recovery situations.
NINE = _named(
    Situation("nginx stopped", "nginx-stopped", "service-stopped", "nginx"),
    Situation("nginx's port taken", "nginx-port-taken", "service-address-in-use", "nginx"),
    Situation("application container stopped", "app-stopped", "container-stopped", "container:web-application"),
    Situation("application's port taken", "app-port-taken", "container-address-in-use", "container:web-application"),
    Situation("database container stopped", "db-stopped", "container-stopped", "container:web-database"),
    Situation("database's port taken", "db-port-taken", "container-address-in-use", "container:web-database"),
    Situation("docker stopped", "docker-stopped", "engine-not-running", "docker"),
    CPU, MEMORY)
# Its six alert situations: here the message is what counts.
SIX = _named(
    CPU, MEMORY,
    Situation("disk above 80 %", "disk-high", "host-disk-high", "host", "reported", "disk_percent", "/var/tmp"),
    Situation("no answer to ping", "network-cut", "", "", "reported", "ping", "no answer to ping"),
    Situation("port closed", "port-blocked", "firewall-port-blocked", "firewall", "reported", "port", "80"),
    Situation("HTTP status not 200", "index-missing", "nginx-index-missing", "nginx", "reported", "http_code", "403"))
# What else is repaired.
MORE = _named(
    Situation("nginx killed", "nginx-killed", "service-killed", "nginx"),
    Situation("application container killed", "app-killed", "container-killed", "container:web-application"),
    Situation("database container killed", "db-killed", "container-killed", "container:web-database"),
    Situation("docker and its socket stopped", "docker-socket-stopped", "engine-not-running", "docker"),
    Situation("application container paused", "container-paused", "container-paused", "container:web-application"))


def texts(entry):
    """Every text inside a recorded LINE message."""
    out = []

    def walk(value):
        if isinstance(value, dict):
            for key, item in value.items():
                if key in ("text", "altText") and isinstance(item, str):
                    out.append(item)
                else:
                    walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)
    walk(entry.get("messages", []))
    return "\n".join(out)


def line_messages(since, target):
    """LINE messages accepted since a time that speak of the target."""
    return [m for m in messages(since) if m.get("kind") == "line" and target in texts(m)]


class Run:
    """What came of one fault."""

    def __init__(self, situation, target):
        self.situation, self.target = situation, target
        self.incident, self.messages, self.faults, self.times = None, [], [], {}

    def good(self):
        return not self.faults

    def tell(self):
        times = " ".join(f"{name} {value:.2f}" for name, value in self.times.items())
        return f"{self.target} {self.situation.name}: {'good' if self.good() else 'BAD: ' + '; '.join(self.faults)} {times}"


def about(situation, incident):
    """Whether an incident is the situation's: load has incidents of its own beside the application's."""
    words = {"cpu_percent": ": CPU", "mem_percent": ": memory", "disk_percent": ": disk"}
    word = words.get(situation.metric)
    return word in incident["title"] if word else not any(other in incident["title"] for other in words.values())


def first_bad_sample(raksa, target, begun, metric=""):
    """When the first probe ran that saw the fault: its slot; None when the samples do not say."""
    bad = {"ping": lambda v: v != 1, "port": lambda v: v != 1, "http_code": lambda v: v != 200,
           "cpu_percent": lambda v: v > 80, "mem_percent": lambda v: v > 80, "disk_percent": lambda v: v > 80}
    names = [metric] if metric.endswith("_percent") else ["ping", "port", "http_code"]
    found = []
    for name in names:
        for series in raksa.query(f'{name}{{target="{target}"}}[{int(time.time() - begun) + 10}s]'):
            found += [float(at) for at, value in series["values"] if float(at) >= begun - 0.05 and bad[name](float(value))]
    return min(found, default=None)


def play(raksa, target, situation, limit=60, spread=0.0):
    """Breaks, waits for the end, and holds everything against what must be. `spread`: waits up to so many seconds before, so
    that the fault comes at any moment between two probes."""
    run = Run(situation, target)
    limit += 120 if situation.loads else 0  # memory takes its time to fill
    lab("wait-healthy", target)
    if not wait_for(lambda: raksa.well(target), 90, 0.2):
        run.faults.append("the target was not well before")
        lab("heal", target)
        return run
    time.sleep(random.uniform(0, spread))
    asked = time.time()
    begun = float(lab("break", target, situation.fault).split()[0])

    def incidents():
        return [i for i in raksa.incidents(target, asked) if about(situation, i)]

    def told():
        return [text for text in map(texts, line_messages(asked, target)) if run.incident and run.incident["id"] in text]

    try:
        if situation.report:
            reached = wait_for(lambda: next((i for i in incidents() if i["state"] == "needs human" or i["closed"]), None), limit, 0.1)
        else:
            reached = wait_for(lambda: next((i for i in incidents() if i["verified"] or i["closed"]), None), limit, 0.1)
        if not reached:
            run.faults.append(f"nothing came of it in {limit} s: {incidents()}")
            return run
        run.incident = raksa.json("/api/v1/incidents/" + reached["id"])
        measure(raksa, run, begun)
        if situation.report:
            wait_for(told, 10, 0.1)
            lab("heal", target)
        closed = wait_for(lambda: next((i for i in incidents() if i["closed"]), None), 90, 0.2)
        if not closed:
            run.faults.append("the incident did not close")
    finally:
        if situation.report or run.faults:
            lab("heal", target)
    run.incident = raksa.json("/api/v1/incidents/" + reached["id"])
    judge(run)
    wanted = 2 if situation.report else 1  # a report is told when it begins and when it ends
    wait_for(lambda: len(told()) >= wanted, 10, 0.2)
    time.sleep(0.5)  # one too many would come now
    run.messages = told()
    judge_messages(run, wanted)
    if len(incidents()) != 1:
        run.faults.append(f"{len(incidents())} incidents: {[i['title'] for i in incidents()]}")
    lab("wait-healthy", target)
    return run


def measure(raksa, run, begun):
    """The seconds of each part, from the begin of the fault."""
    incident, times = run.incident, run.times
    seen = first_bad_sample(raksa, run.target, begun, run.situation.metric)
    opened = seconds(incident["opened"])
    times["waited"] = max(0.0, seen - begun) if seen else 0.0
    times["detected"] = opened - begun
    if incident["acted"] and incident["verified"]:
        acted, verified = seconds(incident["acted"]), seconds(incident["verified"])
        repaired = max([acted, *(seconds(step["finished"]) for step in incident["steps"])])
        times.update(diagnosed=acted - opened, repaired=repaired - acted, verified=verified - repaired, total=verified - begun)
    else:
        looked = [seconds(e["at"]) for e in incident["timeline"] if e["kind"] == "finding"]
        times.update(diagnosed=max(looked, default=opened) - opened, total=max(looked, default=opened) - begun)


def judge(run):
    incident, situation = run.incident, run.situation
    for name, want in (("cause", situation.cause), ("outcome", situation.outcome)):
        if incident[name] != want:
            run.faults.append(f"{name} is {incident[name]!r}, not {want!r}")
    if incident["component"].removeprefix("service:") != situation.component:
        run.faults.append(f"component is {incident['component']!r}, not {situation.component!r}")
    if situation.report and incident["steps"]:
        run.faults.append(f"it is only to be told, and this was done: {[s['step'] for s in incident['steps']]}")
    numbers = [entry["seq"] for entry in incident["timeline"]]
    if numbers != list(range(1, len(numbers) + 1)):
        run.faults.append("the timeline has holes")


def judge_messages(run, wanted):
    situation = run.situation
    if len(run.messages) != wanted:
        run.faults.append(f"{len(run.messages)} messages, not {wanted}: {run.messages}")
        return
    first = run.messages[0]
    words = [situation.says] if situation.report else [situation.component.split(":")[-1], "Recovery Result", "Solve Time"]
    for word in [run.target, situation.cause, *words]:
        if word not in first:
            run.faults.append(f"the message does not say {word!r}: {first}")
