#!/usr/bin/env python3
"""Short runs of crash.py: the long one is `make crash-full`."""
import os
import unittest

import crash


class Crash(unittest.TestCase):
    def test_thirty_kills_lose_nothing_that_could_be_read(self):
        kills, compared, faults, _ = crash.run(30, 7, say=lambda _text: None)
        self.assertEqual(faults, [])
        self.assertEqual(kills, 30)
        self.assertGreater(compared, 500)

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small file system")
    def test_a_full_disk_stops_nothing_and_loses_nothing(self):
        kills, compared, faults = crash.run_full(4, 7, say=lambda _text: None)
        self.assertEqual(faults, [])
        self.assertEqual(kills, 4)
        self.assertGreater(compared, 100)

    def test_torn_last_pages_are_opened(self):
        copies, _, faults = crash.run_torn(8, 7, say=lambda _text: None)
        self.assertEqual(faults, [])
        self.assertEqual(copies, 8)


if __name__ == "__main__":
    unittest.main()
