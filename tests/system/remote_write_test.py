#!/usr/bin/env python3
"""Remote write out to real stores through kills of either side (the short form of remote_write.py)."""
import unittest

from remote_peers import Prometheus, Victoria
from remote_write import Trial


class RemoteWrite(unittest.TestCase):
    def trial(self, peer):
        trial = Trial(peer, seconds=10, seed=3).run()
        self.assertEqual(trial.problems, [])
        self.assertGreater(trial.counts["acknowledged"], 500)
        self.assertGreater(trial.counts["probed"], 10)
        self.assertGreater(min(trial.kills.values()), 1, trial.kills)

    def test_prometheus_gets_everything_once(self):
        self.trial(Prometheus)

    def test_victoria_metrics_gets_everything_once(self):
        self.trial(Victoria)


if __name__ == "__main__":
    unittest.main()
