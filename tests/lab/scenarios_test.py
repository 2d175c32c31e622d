#!/usr/bin/env python3
"""Real servers, broken for real: each is repaired, verified from outside, told once, closed. The long tables: full.py."""
import os
import queue
import re
import threading
import time
import unittest

from lab_world import STATE, LabTest, Raksa, lab, wait_for
from scenario import CPU, MEMORY, MORE, NINE, Run, about, line_messages, play, texts

os.environ["LAB_LOAD_SECONDS"] = "300"  # of cpu-high and memory-high: until they are healed
REPAIRED = {**{fault: s for fault, s in NINE.items() if not s.report}, "nginx-killed": MORE["nginx-killed"]}
LOAD_RULES = """groups:
  - name: load
    interval: 5s
    rules:
      - {alert: Cpu, expr: 'cpu_percent{target="web1"} > 80', labels: {severity: warning, metric: cpu_percent}}
      - {alert: Memory, expr: 'mem_percent{target="web1"} > 80', labels: {severity: warning, metric: mem_percent}}
"""


def play_all(raksa, situations, servers):
    """Plays each situation once, all servers beside each other; gives the runs by fault."""
    waiting, runs = queue.Queue(), {}
    for situation in situations:
        waiting.put(situation)

    def one_server(target):
        while not waiting.empty():
            try:
                situation = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                runs[situation.fault] = play(raksa, target, situation)
            except Exception as error:  # pylint: disable=broad-except
                runs[situation.fault] = run = Run(situation, target)
                run.faults.append(f"{type(error).__name__}: {error}"[:3000])
                lab("heal", target, check=False)
            print(runs[situation.fault].tell(), flush=True)
    threads = [threading.Thread(target=one_server, args=(target,)) for target in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return runs


class Scenarios(LabTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.raksa = Raksa("scenarios").start()
        cls.runs = play_all(cls.raksa, REPAIRED.values(), ["web1", "web2"])

    @classmethod
    def tearDownClass(cls):
        try:
            cls.raksa.stop()
        finally:
            super().tearDownClass()

    def check(self, fault):
        run = self.runs[fault]
        self.assertEqual(run.faults, [], self.raksa.log_text()[-3000:])
        self.assertLess(run.times["total"], 30)

    def test_nginx_stopped(self):
        self.check("nginx-stopped")

    def test_nginx_killed(self):
        self.check("nginx-killed")

    def test_nginxs_port_taken(self):
        self.check("nginx-port-taken")

    def test_application_container_stopped(self):
        self.check("app-stopped")

    def test_applications_port_taken(self):
        self.check("app-port-taken")

    def test_database_container_stopped(self):
        self.check("db-stopped")

    def test_databases_port_taken(self):
        self.check("db-port-taken")

    def test_docker_stopped(self):
        self.check("docker-stopped")

    def test_a_stopped_server_is_told_once_and_left_alone(self):
        target, begun = "web2", time.time()
        self.assertTrue(wait_for(lambda: self.raksa.well(target), 60, 0.2))
        before = time.time()
        lab("break", target, "host-down")
        opened = wait_for(lambda: self.raksa.incidents(target, begun), 40, 0.2)
        self.assertTrue(opened, self.raksa.log_text())
        time.sleep(20)  # four intervals in which children's alerts and SSH attempts would show
        incidents = self.raksa.incidents(target, begun)
        self.assertEqual(len(incidents), 1, incidents)
        detail = self.raksa.json("/api/v1/incidents/" + incidents[0]["id"])
        self.assertTrue(all(a["labels"].get("metric") == "ping" for a in detail["alerts"]), detail["alerts"])
        self.assertEqual(detail["steps"], [])
        self.assertEqual(sum(len(f["commands"]) for f in detail["findings"]), 0, "SSH was tried")
        told = [texts(m) for m in line_messages(before, target)]
        self.assertEqual(len(told), 1, told)
        lab("heal", target)
        closed = wait_for(lambda: self.raksa.incidents(target, begun)[0]["closed"], 90, 0.3)
        self.assertTrue(closed, self.raksa.log_text())
        wait_for(lambda: len(line_messages(before, target)) == 2, 10)
        told = [texts(m) for m in line_messages(before, target)]
        self.assertEqual(len(told), 2, told)


class Load(LabTest):
    """Processor and memory above 80 %: told with the processes behind it, nothing is done. The load comes first, since on this
    machine others may load the processors too: whatever raises the alarm, the server's own largest process is the fault's."""

    def test_processor_and_memory(self):
        asked = time.time()
        for situation in (CPU, MEMORY):
            lab("break", "web1", situation.fault)
        rules = STATE / "rules-load.yaml"
        rules.write_text(LOAD_RULES)
        try:
            with Raksa("load", edit=lambda text: re.sub(r"(?m)^rules:.*$", f"rules: [{rules}]", text), load_rules=True) as raksa:
                for situation in (CPU, MEMORY):
                    with self.subTest(situation.name):
                        self.told(raksa, situation, asked)
        finally:
            lab("heal", "web1")

    def told(self, raksa, situation, asked):
        def of_it():
            return [i for i in raksa.incidents("web1", asked) if about(situation, i)]
        # take-memory may need two minutes until it has what it wants.
        self.assertTrue(wait_for(lambda: [i for i in of_it() if i["state"] == "needs human"], 180, 0.2), raksa.incidents("web1", asked))
        incident = raksa.json("/api/v1/incidents/" + of_it()[0]["id"])
        self.assertEqual((incident["cause"], incident["component"], incident["steps"]), (situation.cause, "host", []))
        self.assertTrue(wait_for(lambda: [m for m in line_messages(asked, "web1") if incident["id"] in texts(m)], 10))
        message = [texts(m) for m in line_messages(asked, "web1") if incident["id"] in texts(m)][0]
        self.assertIn(situation.says, message)


if __name__ == "__main__":
    unittest.main()
