#!/usr/bin/env python3
"""A short run of crash.py: the long one is `make crash-full`."""
import unittest

import crash


class Crash(unittest.TestCase):
    def test_thirty_kills_lose_nothing_that_could_be_read(self):
        kills, compared, faults, _ = crash.run(30, 7, say=lambda _text: None)
        self.assertEqual(faults, [])
        self.assertEqual(kills, 30)
        self.assertGreater(compared, 500)


if __name__ == "__main__":
    unittest.main()
