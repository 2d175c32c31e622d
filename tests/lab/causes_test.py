#!/usr/bin/env python3
"""A part of the confusion matrix in a minute: one fault of each kind of evidence, each named right. The whole: matrix.py."""
import unittest

from lab_world import LabTest
from matrix import run

# Firewall, what nginx asks, its certificate, units, engine, containers, the host, keys.
FAULTS = ("docker-user-dropped", "input-dropped", "nft-dropped", "upstream-wrong-port", "upstream-slow", "upstream-socket-denied", "nginx-wrong-port", "certificate-expired",
          "log-folder-missing", "unit-exec-failed", "unit-dependency-missing", "docker-config-invalid", "container-mount-missing",
          "container-network-owner-down", "container-out-of-memory", "read-only", "host-key-changed")


class Causes(LabTest):
    def test_each_is_named_right(self):
        verdicts = run(FAULTS, self.servers)
        self.assertEqual({v.fault["fault"] for v in verdicts}, set(FAULTS))
        wrong = [f"{v.fault['fault']}: {v.component} {v.found or 'none'}, {v.evidence or v.seen}" for v in verdicts if not v.right() and not v.skipped]
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
