#!/usr/bin/env python3
"""Three of the combined faults, once: the deepest cause first, half a repair told as half, and a holder that must not be killed."""
import unittest

from lab_world import LabTest
from combined import CASES, play_round

FAST = {case.name: case for case in CASES if case.name in (
    "database down and nginx stopped", "firewall block and database killed", "nginx's port held by sshd")}


class Combined(LabTest):
    servers = 3

    def test_the_most_telling_ones(self):
        self.assertEqual(len(FAST), 3)
        for play in play_round("test", list(FAST.values()), ["web1", "web2", "web3"]):
            with self.subTest(play.case.name):
                self.assertEqual(play.faults, [], play.messages)


if __name__ == "__main__":
    unittest.main()
