"""One fault on one real server, from the break to the verified repair, with its times and its messages."""
import time

from lab_world import lab, messages, seconds, wait_for

# fault: (cause, component, outcome) that the incident must have.
REPAIRS = {
    "nginx-stopped": ("service-stopped", "nginx", "fixed"),
    "nginx-killed": ("service-killed", "nginx", "fixed"),
    "app-killed": ("container-killed", "container:web-application", "fixed"),
    "db-killed": ("container-killed", "container:web-database", "fixed"),
    "docker-stopped": ("engine-not-running", "docker", "fixed"),
}
# The rest of what is repaired: in the long table.
MORE_REPAIRS = {
    "app-stopped": ("container-stopped", "container:web-application", "fixed"),
    "db-stopped": ("container-stopped", "container:web-database", "fixed"),
    "nginx-port-taken": ("service-address-in-use", "nginx", "fixed"),
    "app-port-taken": ("container-address-in-use", "container:web-application", "fixed"),
    "db-port-taken": ("container-address-in-use", "container:web-database", "fixed"),
    "docker-socket-stopped": ("engine-not-running", "docker", "fixed"),
    "container-paused": ("container-paused", "container:web-application", "fixed"),
}


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

    def __init__(self, fault, target):
        self.fault, self.target = fault, target
        self.incident, self.messages, self.faults, self.times = None, [], [], {}

    def good(self):
        return not self.faults

    def tell(self):
        times = " ".join(f"{name} {value:.2f}" for name, value in self.times.items())
        return f"{self.target} {self.fault}: {'good' if self.good() else 'BAD: ' + '; '.join(self.faults)} {times}"


def repair(raksa, target, fault, expected=None, limit=60):
    """Breaks, waits for the end, and holds everything against what must be."""
    cause, component, outcome = expected or {**REPAIRS, **MORE_REPAIRS}[fault]
    run = Run(fault, target)
    lab("wait-healthy", target)
    if not wait_for(lambda: raksa.well(target), 60, 0.2):
        run.faults.append("the target was not well before")
        return run
    begun = time.time()
    lab("break", target, fault)
    broken = time.time()
    brief = wait_for(lambda: next((i for i in raksa.incidents(target, begun) if i["verified"] or i["closed"]), None), limit, 0.1)
    if not brief:
        run.faults.append(f"no verified repair in {limit} s: {raksa.incidents(target, begun)}")
        lab("heal", target)
        return run
    closed = wait_for(lambda: next((i for i in raksa.incidents(target, begun) if i["closed"]), None), 60, 0.2)
    if not closed:
        run.faults.append("the incident did not close")
        closed = brief
    run.incident = raksa.json("/api/v1/incidents/" + closed["id"])
    judge(run, cause, component, outcome)
    wait_for(lambda: line_messages(begun, target), 10, 0.2)
    time.sleep(0.5)  # a second message would come now
    run.messages = [texts(m) for m in line_messages(begun, target)]
    if len(run.messages) != 1:
        run.faults.append(f"{len(run.messages)} messages: {run.messages}")
    if len(raksa.incidents(target, begun)) != 1:
        run.faults.append(f"{len(raksa.incidents(target, begun))} incidents")
    if run.incident["verified"]:
        run.times = {"break": broken - begun,
                     "detected": seconds(run.incident["opened"]) - begun,
                     "acted": seconds(run.incident["acted"] or run.incident["verified"]) - begun,
                     "verified": seconds(run.incident["verified"]) - begun}
    lab("wait-healthy", target)
    return run


def judge(run, cause, component, outcome):
    incident = run.incident
    for name, want in (("cause", cause), ("outcome", outcome)):
        if incident[name] != want:
            run.faults.append(f"{name} is {incident[name]!r}, not {want!r}")
    short = incident["component"].removeprefix("service:")
    if short != component.removeprefix("service:"):
        run.faults.append(f"component is {incident['component']!r}, not {component!r}")
    numbers = [entry["seq"] for entry in incident["timeline"]]
    if numbers != list(range(1, len(numbers) + 1)):
        run.faults.append("the timeline has holes")
