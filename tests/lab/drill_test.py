#!/usr/bin/env python3
"""Drills on real servers: what is broken on purpose is found, repaired, told as a drill; what must not begin does not."""
import json
import re
import subprocess
import time
import unittest

from lab_world import RAKSA, ROOT, LabTest, Raksa, lab, wait_for
from scenario import line_messages, texts

ALLOWED, FORBIDDEN = "web1", "web2"


class Drills(LabTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.raksa = Raksa("drills", edit=lambda text: text.replace("labels: {site: lab}", "labels: {site: lab}\n    drill: allowed", 1)).start()
        if not wait_for(lambda: cls.raksa.well(ALLOWED) and cls.raksa.well(FORBIDDEN), 60, 0.2):
            raise AssertionError("not well:\n" + cls.raksa.log_text())

    @classmethod
    def tearDownClass(cls):
        try:
            cls.raksa.stop()
        finally:
            super().tearDownClass()

    def drill(self, *argv):
        return subprocess.run([str(ROOT / "lab/mon"), str(RAKSA), "drill", *argv, "-c", str(self.raksa.config)], capture_output=True, text=True,
                              timeout=300, stdin=subprocess.DEVNULL)

    def armed(self, target):
        return lab("sh", target, "systemctl", "list-timers", "--all", "--no-legend", "raksa-drill-*").strip()

    def test_a_drill_is_repaired_told_as_one_and_leaves_nothing(self):
        self.assertTrue(wait_for(lambda: self.raksa.well(ALLOWED), 60, 0.2))
        begun = time.time()
        report = self.raksa.dir / "report"
        done = self.drill(ALLOWED, "container-port-taken:web-database", "--json", "--report", str(report))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        run = json.loads(done.stdout)["drills"][0]
        self.assertEqual((run["cause"], run["component"], run["outcome"], run["undone"]),
                         ("container-address-in-use", "container:web-database", "fixed", False))
        self.assertIn("perl", run["evidence"])
        self.assertEqual(set(run["seconds"]), {"detected", "diagnosed", "repaired", "verified", "in all"})
        incident = self.raksa.json("/api/v1/incidents/" + run["incident"])
        self.assertTrue([e for e in incident["timeline"] if e["text"].startswith("this is a drill: container-port-taken:web-database")])
        told = [texts(m) for m in line_messages(begun, ALLOWED)]
        self.assertEqual(len(told), 1, told)
        self.assertIn("[DRILL] [FIXED]", told[0])
        self.assertEqual(self.armed(ALLOWED), "", "the undo is still armed")
        self.assertEqual(self.raksa.json("/api/v1/drills")["drills"], [])
        self.assertIn("1 of 1 came out right", report.with_suffix(".md").read_text())
        self.assertTrue(json.loads(report.with_suffix(".json").read_text())["drills"][0]["good"])

    def test_what_must_not_begin_does_not(self):
        self.assertTrue(wait_for(lambda: self.raksa.well(ALLOWED), 60, 0.2))
        done = self.drill(FORBIDDEN, "service-stopped:nginx")
        self.assertEqual(done.returncode, 1)
        self.assertIn("does not say `drill: allowed`", done.stdout)
        done = self.drill(ALLOWED, "service-stopped:nginx; reboot")
        self.assertEqual(done.returncode, 1)
        self.assertIn("has no scenario", done.stderr)
        # Somebody has put it on hold: the guard's own condition.
        lab("sh", ALLOWED, "touch", "/run/raksa.hold")
        try:
            done = self.drill(ALLOWED, "service-stopped:nginx")
        finally:
            lab("sh", ALLOWED, "rm", "-f", "/run/raksa.hold")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("the guard would refuse the repair", done.stdout)
        # In maintenance.
        now = time.time()
        stamp = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # noqa: E731
        status, text = self.raksa.request("POST", "/api/v1/silences", json.dumps({
            "kind": "maintenance", "comment": "new disks", "created_by": "test", "starts_at": stamp(now - 5), "ends_at": stamp(now + 60),
            "matchers": [{"name": "target", "op": "=", "value": ALLOWED}]}), {"Content-Type": "application/json"})
        self.assertEqual(status, 201, text)
        try:
            done = self.drill(ALLOWED, "service-stopped:nginx")
        finally:
            self.raksa.request("DELETE", "/api/v1/silences/" + json.loads(text)["id"])
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("maintenance", done.stdout)
        self.assertEqual(lab("sh", ALLOWED, "systemctl", "is-active", "nginx").strip(), "active")
        self.assertEqual(self.armed(ALLOWED), "")

    def test_nobody_outside_says_what_is_a_drill(self):
        status, text = self.raksa.request("POST", "/api/v1/webhook", json.dumps([{
            "labels": {"alertname": "Real", "target": FORBIDDEN, "metric": "disk_percent"}, "annotations": {"raksa_drill": "only a drill"}}]))
        self.assertEqual((status, json.loads(text)["accepted"]), (200, 1), text)
        found = wait_for(lambda: [i for i in self.raksa.incidents(FORBIDDEN) if re.search("disk", i["title"])], 10)
        self.assertTrue(found)
        detail = self.raksa.json("/api/v1/incidents/" + found[0]["id"])
        self.assertNotIn("drill", json.dumps(detail))


if __name__ == "__main__":
    unittest.main()
