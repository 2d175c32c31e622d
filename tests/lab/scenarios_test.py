#!/usr/bin/env python3
"""Real servers, broken for real: each is repaired, verified from outside, told once, closed. The long table: full.py."""
import time
import unittest

from lab_world import LabTest, Raksa, lab, wait_for
from scenario import REPAIRS, line_messages, repair, texts


class Scenarios(LabTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.raksa = Raksa("scenarios").start()

    @classmethod
    def tearDownClass(cls):
        try:
            cls.raksa.stop()
        finally:
            super().tearDownClass()

    def run_repair(self, target, fault):
        run = repair(self.raksa, target, fault)
        print(run.tell(), flush=True)
        self.assertEqual(run.faults, [], self.raksa.log_text()[-3000:])
        self.assertLess(run.times["verified"], 20)

    def test_nginx_stopped(self):
        self.run_repair("web1", "nginx-stopped")

    def test_nginx_killed(self):
        self.run_repair("web2", "nginx-killed")

    def test_application_container_killed(self):
        self.run_repair("web1", "app-killed")

    def test_database_container_killed(self):
        self.run_repair("web2", "db-killed")

    def test_docker_stopped(self):
        self.run_repair("web1", "docker-stopped")

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


assert set(REPAIRS) == {"nginx-stopped", "nginx-killed", "app-killed", "db-killed", "docker-stopped"}

if __name__ == "__main__":
    unittest.main()
