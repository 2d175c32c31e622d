#!/usr/bin/env python3
"""Dangers on real servers, each once: nothing done twice, nothing lost, nothing killed that must live, the timeline true. The host's
own records are the witness. The long table: danger_full.py."""
import json
import subprocess
import time
import unittest

import danger
from danger import CONTAINER, Witness, closed, healthy, inside, judge_once, newest
from lab_world import RAKSA, LabTest, Raksa, lab, seconds, wait_for
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

    def test_killed_while_it_acts(self):
        faults, _ = danger.killed_at("acting+60", "web1")
        self.assertClean(faults)

    def test_two_raksas_act_once(self):
        self.assertClean(danger.two_raksas("web1"))

    def test_another_host_key_is_not_touched(self):
        self.assertClean(danger.wrong_host_key("web1", "web2"))

    def test_ssh_is_cut_in_the_middle_of_a_step(self):
        self.assertClean(danger.cut_in_a_step("web1"))

    def test_what_must_live_is_named_and_not_killed(self):
        self.addCleanup(lab, "heal", "web1")
        self.assertClean(danger.named_and_not_killed("web1", ["dockerd"]))
        self.assertClean(danger.holder_lives("web1", "nginx-port-taken-by-sshd", "sshd", ("left alone",)))

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
