#!/usr/bin/env python3
"""Dangers on real servers, each once: nothing done twice, nothing lost, nothing killed that must live, the timeline true. The host's
own records are the witness. The long table: danger_full.py."""
import json
import subprocess
import time
import unittest

import danger
from danger import CONTAINER, Witness, closed, cut_session, healthy, inside, judge_once, newest, true_timeline
from lab_world import LAB, RAKSA, ROOT, STATE, LabTest, Raksa, lab, seconds, wait_for
from scenario import line_messages, texts


def cli(raksa, *words):
    return subprocess.run([str(RAKSA), *words, "--url", f"unix:{raksa.socket}"], capture_output=True, text=True, timeout=30)


class Danger(LabTest):
    def setUp(self):
        healthy("web1")

    def assertClean(self, faults, raksa=None):
        self.assertEqual(faults, [], raksa.log_text()[-3000:] if raksa else "")

    def ready(self, name, **kinds):
        raksa = Raksa(name, **kinds).start()
        self.addCleanup(raksa.stop)
        self.assertTrue(wait_for(lambda: raksa.well("web1"), 60, 0.2), raksa.log_text())
        return raksa

    def test_killed_while_it_acts_and_while_it_verifies(self):
        for state in ("acting+60", "verifying"):
            with self.subTest(state):
                faults, _ = danger.killed_at(state, "web1")
                self.assertClean(faults)

    def test_two_raksas_act_once(self):
        first = self.ready("danger-one")
        second = self.ready("danger-two", edit=lambda text: text.replace("127.0.0.1:8001", "127.0.0.1:8002"))
        witness, begun = Witness("web1"), time.time()
        lab("break", "web1", "db-killed")
        for raksa in (first, second):
            incident = closed(raksa, "web1", begun)
            self.assertIsNotNone(incident, raksa.log_text()[-3000:])
            self.assertClean(true_timeline(incident))
        self.assertEqual(witness.docker(CONTAINER, "start"), 1, "only one of them may act")
        self.assertEqual(witness.denied(), [])

    def test_another_host_key_and_another_machine_are_not_touched(self):
        wrong = STATE / "known_hosts.wrong"
        other = next(line.split() for line in (STATE / "true_known_hosts").read_text().splitlines() if line.startswith("10.77.0.12 "))
        wrong.write_text(f"10.77.0.11 {other[1]} {other[2]}\n")
        raksa = self.ready("danger-key", edit=lambda text: text.replace(str(STATE / "known_hosts"), str(wrong)))
        witness, begun = Witness("web1"), time.time()
        lab("break", "web1", "db-killed")
        found = wait_for(lambda: next((i for i in raksa.incidents("web1", begun) if i["state"] == "needs human"), None), 60, 0.2)
        self.assertTrue(found, raksa.log_text())
        self.assertEqual(found["cause"], "host-key-not-trusted")
        self.assertEqual((witness.docker(CONTAINER, "start"), witness.sudo("")), (0, []), "nobody may log in")
        raksa.stop()
        # The right key, and another machine behind it: met first as it was, then changed.
        healthy("web1")
        raksa = self.ready("danger-machine")
        begun = time.time()
        lab("break", "web1", "app-killed")
        self.assertIsNotNone(closed(raksa, "web1", begun))
        before = inside("web1", "cat", "/etc/machine-id").strip()
        inside("web1", "sh", "-c", "echo 0123456789abcdef0123456789abcdef > /etc/machine-id")
        self.addCleanup(inside, "web1", "sh", "-c", f"echo {before} > /etc/machine-id")
        witness, begun = Witness("web1"), time.time()
        lab("break", "web1", "db-killed")
        found = wait_for(lambda: next((i for i in raksa.incidents("web1", begun) if i["state"] == "needs human"), None), 60, 0.2)
        self.assertTrue(found, raksa.log_text())
        self.assertIn("machine-id", json.dumps(newest(raksa, "web1", begun)["timeline"]))
        self.assertEqual(witness.docker(CONTAINER, "start"), 0, "another machine is not touched")

    def test_ssh_is_cut_in_the_middle_of_a_step(self):
        inside("web1", "mkdir", "-p", "/run/systemd/system/nginx.service.d")
        inside("web1", "sh", "-c", "printf '[Service]\\nExecStartPre=/bin/sleep 3\\n' > /run/systemd/system/nginx.service.d/slow.conf; systemctl daemon-reload")
        self.addCleanup(inside, "web1", "sh", "-c", "rm -r /run/systemd/system/nginx.service.d; systemctl daemon-reload")
        raksa = self.ready("danger-cut")
        witness, begun = Witness("web1"), time.time()
        lab("break", "web1", "nginx-stopped")
        self.assertTrue(wait_for(lambda: witness.sudo("systemctl restart"), 40, 0.1), raksa.log_text())
        cut_session("web1")
        incident = closed(raksa, "web1", begun)
        self.assertIsNotNone(incident, raksa.log_text()[-3000:])
        self.assertEqual(incident["outcome"], "fixed")
        self.assertClean(true_timeline(incident))
        self.assertEqual(len(witness.sudo("systemctl restart")), 1, "whether it ran is not known: it is looked at, not repeated")
        self.assertEqual(witness.starts_of_unit("nginx.service"), 1)

    def test_what_must_live_is_named_and_not_killed(self):
        inside("web1", "systemctl", "stop", "nginx")
        self.addCleanup(lab, "heal", "web1")
        perl = "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort=>80, Listen=>5, ReuseAddr=>1) or die; sleep 600;"
        for name in ("dockerd", "containerd", "raksa", "systemd"):
            inside("web1", "sh", "-c", f"cp /usr/bin/perl /run/{name}; setsid -f /run/{name} -e '{perl}' </dev/null >/dev/null 2>&1; sleep 0.3")
            done = subprocess.run([str(ROOT / "lab/mon"), str(RAKSA), "diagnose", "web1", "--json", "-c", str(LAB / "raksa.yaml")], capture_output=True,
                                  text=True, timeout=60, stdin=subprocess.DEVNULL)
            answer = json.loads(done.stdout)
            nginx = next(f for f in answer["findings"] if f["component"] == "nginx")
            self.assertEqual(nginx["cause"], "service-address-in-use", nginx)
            self.assertIn(name, nginx["evidence"])
            self.assertEqual(nginx.get("remedy", ""), "", nginx)
            inside("web1", "pkill", "-x", name, "-f", f"/run/{name}", check=False)
            inside("web1", "sh", "-c", f"pkill -f '^/run/{name} -e'; sleep 0.2; rm -f /run/{name}", check=False)
        # The daemon itself, with the real sshd on the port.
        raksa = Raksa("danger-sshd").start()
        self.addCleanup(raksa.stop)
        begun = time.time()
        inside("web1", "sh", "-c", "mkdir -p /run/sshd; /usr/sbin/sshd -p 80 -o PidFile=/run/sshd-80.pid")
        pid = inside("web1", "cat", "/run/sshd-80.pid").strip()
        found = wait_for(lambda: next((i for i in raksa.incidents("web1", begun) if i["state"] == "needs human"), None), 60, 0.2)
        self.assertTrue(found, raksa.log_text())
        self.assertTrue(wait_for(lambda: any("sshd" in texts(m) for m in line_messages(begun, "web1")), 15, 0.2),
                        f"the message must say who holds it: {[texts(m) for m in line_messages(begun, 'web1')]}")
        inside("web1", "kill", "-0", pid)
        self.assertEqual(Witness("web1").sudo("kill"), [])
        inside("web1", "kill", pid)

    def test_a_person_decides_and_takes_over(self):
        raksa = self.ready("danger-approve", edit=lambda text: text.replace("{mode: auto,", "{mode: approve,"))
        witness, begun = Witness("web1"), time.time()

        def waiting(state):
            return wait_for(lambda: next((i for i in raksa.incidents("web1", begun) if i["state"] == state), None), 60, 0.1)
        lab("break", "web1", "db-killed")
        found = waiting("awaiting approval")
        self.assertTrue(found, raksa.log_text())
        self.assertTrue(wait_for(lambda: any("raksa approve" in texts(m) for m in line_messages(begun, "web1")), 15, 0.2),
                        [texts(m) for m in line_messages(begun, "web1")])
        self.assertEqual(witness.docker(CONTAINER, "start"), 0)
        self.assertEqual(cli(raksa, "reject", found["id"], "--comment", "not at noon").returncode, 0)
        self.assertTrue(waiting("needs human"))
        self.assertEqual(cli(raksa, "approve", found["id"]).returncode, 1, "nothing waits for a yes")
        self.assertEqual(cli(raksa, "again", found["id"]).returncode, 0)
        self.assertTrue(waiting("awaiting approval"))
        self.assertEqual(cli(raksa, "stop", found["id"]).returncode, 0)
        self.assertTrue(waiting("needs human"))
        self.assertEqual(witness.docker(CONTAINER, "start"), 0, "no means no")
        self.assertEqual(cli(raksa, "again", found["id"]).returncode, 0)
        self.assertTrue(waiting("awaiting approval"))
        # A deploy holds the host: a person's yes does not lift that.
        inside("web1", "sh", "-c", "echo deploy 4711 > /run/raksa.hold")
        self.addCleanup(inside, "web1", "rm", "-f", "/run/raksa.hold")
        self.assertEqual(cli(raksa, "approve", found["id"]).returncode, 0)
        self.assertTrue(wait_for(lambda: "deploy 4711" in json.dumps(newest(raksa, "web1", begun)["timeline"]), 30, 0.2), raksa.log_text())
        self.assertEqual(witness.docker(CONTAINER, "start"), 0, "held")
        self.assertEqual(cli(raksa, "stop", found["id"]).returncode, 0)
        inside("web1", "rm", "-f", "/run/raksa.hold")
        self.assertTrue(waiting("needs human"))
        self.assertEqual(cli(raksa, "again", found["id"]).returncode, 0)
        self.assertTrue(waiting("awaiting approval"))
        self.assertEqual(cli(raksa, "approve", found["id"]).returncode, 0)
        incident = closed(raksa, "web1", begun)
        self.assertIsNotNone(incident, raksa.log_text())
        self.assertClean(judge_once(witness, incident, raksa, "web1", begun), raksa)
        self.assertLess(seconds(incident["opened"]), seconds(incident["acted"]))


if __name__ == "__main__":
    unittest.main()
