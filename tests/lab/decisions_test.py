#!/usr/bin/env python3
"""The source design's table of decisions, row by row, on real servers: its Grafana's JSON comes in through POST /shs; what is looked
at, what is repaired, what is only told. No rule of ours raises anything."""
import dataclasses
import json
import re
import threading
import time
import unittest

from lab_world import LabTest, Raksa, lab, wait_for
from scenario import line_messages, texts

APPLICATION, DATABASE = "container:web-application", "container:web-database"


@dataclasses.dataclass(frozen=True)
class Decision:
    """An alert of the source, what is broken, and what must come of it."""
    name: str
    metric: str
    value: float
    faults: tuple
    looked: tuple             # commands that must have run
    cause: str = ""
    component: str = ""
    done: frozenset = frozenset()  # (component, step), and nothing else
    port: str = ""
    says: tuple = ()          # words of the message


def inspected(container):
    return f"docker container inspect .* -- {container}$"


DECISIONS = (
    Decision("500: the database's container", "http_code", 500, ("db-stopped",), (inspected("web-database"),), "container-stopped", DATABASE,
             frozenset({(DATABASE, "container-start")}), says=("web-database", "Running false", "Running true", "Solve Time")),
    Decision("404: docker first", "http_code", 404, ("docker-stopped",), ("systemctl show .*docker.service",), "engine-not-running", "docker",
             frozenset({("docker", "engine-start")}), says=("docker", "State inactive", "State active")),
    Decision("404: then the application's container", "http_code", 404, ("app-stopped",), (inspected("web-application"), inspected("web-database")),
             "container-stopped", APPLICATION, frozenset({(APPLICATION, "container-start")}), says=("web-application",)),
    Decision("404: then the database's", "http_code", 404, ("app-stopped", "db-stopped"), (inspected("web-application"), inspected("web-database")),
             "container-stopped", DATABASE, frozenset({(APPLICATION, "container-start"), (DATABASE, "container-start")}),
             says=("web-application", "web-database")),
    Decision("another code: nothing is done", "http_code", 403, ("index-missing",), ("nginx -T",), "nginx-index-missing", "nginx", says=("index",)),
    Decision("port 80: nginx", "port", 0, ("nginx-stopped",), ("systemctl show .*nginx.service", "ufw status verbose"), "service-stopped", "nginx",
             frozenset({("nginx", "service-start")}), "80", ("nginx", "State inactive", "State active")),
    Decision("port 443: nginx", "port", 0, ("nginx-killed",), ("systemctl show .*nginx.service", "ufw status verbose"), "service-killed", "nginx",
             frozenset({("nginx", "service-start")}), "443", ("nginx",)),
    Decision("port 80: then the firewall, which is only told", "port", 0, ("port-blocked",), ("systemctl show .*nginx.service", "ufw status verbose"),
             "firewall-port-blocked", "firewall", port="80", says=("80", "DENY")),
    Decision("cpu_percent: the processes, nothing is done", "cpu_percent", 93, (), ("top ",), "host-cpu-high", "host"),
    Decision("mem_percent: the processes, nothing is done", "mem_percent", 91, (), ("top ",), "host-memory-high", "host"),
)


def message(address, decision, state="alerting"):
    """The source's JSON (payloads: source_shs_port.json)."""
    tags = {"__name__": decision.metric, "instance": "localhost:8001", "ip": address, "job": "prometheus", "url": address}
    if decision.port:
        tags["port"] = decision.port
    return {"dashboardId": 1, "evalMatches": [{"value": decision.value, "metric": decision.metric, "tags": tags}] if state == "alerting" else [],
            "message": f"Monitoring: {decision.metric}", "orgId": 1, "panelId": 4, "ruleId": 3, "ruleName": decision.name, "ruleUrl": "http://localhost:3000/d/abc",
            "state": state, "tags": {}, "title": f"[Alerting] {decision.name}"}


class Decisions(LabTest):
    def post(self, raksa, decision, number, state="alerting"):
        status, text = raksa.request("POST", "/shs", json.dumps(message(f"10.77.0.{10 + number}", decision, state)), {"Content-Type": "application/json"})
        if status != 200:
            raise AssertionError(f"{status} {text}")

    def decide(self, raksa, number, decision):
        """Plays one row; gives what is wrong."""
        target, wrong = f"web{number}", []
        lab("heal", target)
        begun = time.time()
        for fault in decision.faults:
            lab("break", target, fault)
        self.post(raksa, decision, number)
        over = ("holding", "resolved") if decision.done else ("needs human",)
        found = wait_for(lambda: next((i for i in raksa.incidents(target, begun) if i["state"] in over), None), 60, 0.2)
        if not found:
            return [f"nothing came of it: {raksa.incidents(target, begun)}"]
        wait_for(lambda: line_messages(begun, target), 10, 0.2)
        incident = raksa.json("/api/v1/incidents/" + found["id"])
        if (incident["cause"], incident["component"]) != (decision.cause, decision.component) and decision.faults:
            wrong.append(f"it is {incident['cause']} of {incident['component']}")
        commands = [" ".join(e["data"].get("argv", [])) for e in incident["timeline"] if e["kind"] == "command"]
        wrong += [f"not looked at: {what}" for what in decision.looked if not any(re.search(what, command) for command in commands)]
        done = {(s["component"], s["step"]) for s in incident["steps"] if s["done"]}
        if done != decision.done or (not decision.done and incident["steps"]):
            wrong.append(f"done: {sorted(done)}")
        told = "\n".join(texts(m) for m in line_messages(begun, target))
        wrong += [f"not told: {word}" for word in decision.says if word not in told]
        lab("heal", target)
        self.post(raksa, decision, number, "ok")
        if not wait_for(lambda: all(i["closed"] for i in raksa.incidents(target, begun)), 60, 0.2):
            wrong.append("it did not close")
        return wrong

    def test_row_by_row(self):
        wrong, waiting = {}, list(DECISIONS)
        with Raksa("decisions", edit=lambda text: re.sub(r"(?m)^rules:.*$", "rules: []", text)) as raksa:
            wait_for(lambda: raksa.well("web1") and raksa.well("web2"), 60, 0.2)

            def one_server(number):
                while waiting:
                    decision = waiting.pop(0)
                    try:
                        wrong[decision.name] = self.decide(raksa, number, decision)
                    except Exception as error:  # pylint: disable=broad-except
                        wrong[decision.name] = [f"{type(error).__name__}: {error}"[:1000]]
            threads = [threading.Thread(target=one_server, args=(number,)) for number in (1, 2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        for decision in DECISIONS:
            with self.subTest(decision.name):
                self.assertEqual(wrong[decision.name], [])


if __name__ == "__main__":
    unittest.main()
