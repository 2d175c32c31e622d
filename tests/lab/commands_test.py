#!/usr/bin/env python3
"""The commands that log in or send, against real servers: probe, enroll, diagnose, notify test."""
import json
import re
import subprocess
import unittest

from lab_world import LAB, RAKSA, ROOT, STATE, LabTest, lab


class Commands(LabTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.known = STATE / "known_hosts.test"
        cls.known.unlink(missing_ok=True)
        cls.config = STATE / "commands.yaml"
        text = (LAB / "raksa.yaml").read_text()
        cls.config.write_text(re.sub(r"known_hosts: [^}]*}", f"known_hosts: {cls.known}}}", text))

    def raksa(self, *argv, config=None):
        return subprocess.run([str(ROOT / "lab/mon"), str(RAKSA), *argv, "-c", str(config or self.config)], capture_output=True, text=True,
                              timeout=90, stdin=subprocess.DEVNULL)

    def test_probe_sees_everything(self):
        done = self.raksa("probe", "web1", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        answer = json.loads(done.stdout)
        names = {value["name"] for probe in answer["probes"] for value in probe["values"]}
        # Not cpu_percent: one look gives no difference, and a snmpd of less than a minute has no figure of its own yet.
        for metric in ("ping", "port", "http_code", "cpu_core", "mem_total", "mem_used", "mem_percent", "disk_total",
                       "disk_used", "disk_available", "disk_percent", "bits_received", "bits_sent"):
            self.assertIn(metric, names)

    def test_enroll_keeps_the_true_key_and_only_when_told(self):
        done = self.raksa("enroll", "web1")
        self.assertEqual(done.returncode, 1, "nobody said yes")
        self.assertFalse(self.known.exists() and self.known.read_text())
        done = self.raksa("enroll", "web1", "--yes")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("SHA256:", done.stdout)
        kept = {line.split()[2] for line in self.known.read_text().splitlines() if line.strip()}
        true = {line.split()[2] for line in (STATE / "true_known_hosts").read_text().splitlines() if line.startswith("10.77.0.11 ")}
        self.assertTrue(true and true <= kept, f"{true} {kept}")

    def test_a_changed_key_is_refused(self):
        known = STATE / "known_hosts.changed"
        config = STATE / "changed.yaml"
        other = next(line.split() for line in (STATE / "true_known_hosts").read_text().splitlines() if line.startswith("10.77.0.12 "))
        known.write_text(f"10.77.0.11 {other[1]} {other[2]}\n")
        config.write_text(self.config.read_text().replace(str(self.known), str(known)))
        done = self.raksa("enroll", "web1", "--yes", config=config)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("differs", done.stderr)
        done = self.raksa("diagnose", "web1", config=config)
        self.assertEqual(done.returncode, 1)
        self.assertIn("host-key-not-trusted", done.stdout)

    def test_diagnose_finds_it_well_and_names_what_is_broken(self):
        done = self.raksa("diagnose", "web2", config=LAB / "raksa.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        lab("break", "web2", "nginx-config-invalid")
        try:
            done = self.raksa("diagnose", "web2", config=LAB / "raksa.yaml")
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertRegex(done.stdout, r"=> nginx +nginx-config-invalid")
        finally:
            lab("heal", "web2")

    def test_notify_test_reaches_every_channel(self):
        done = self.raksa("notify", "test", config=LAB / "raksa.yaml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count(" delivered"), 2, done.stdout)


if __name__ == "__main__":
    unittest.main()
