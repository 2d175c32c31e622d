#!/usr/bin/env python3
"""Short runs of crash.py: the long one is `make crash-full`."""
import os
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

import crash
from raksa_daemon import ROOT, Daemon, wait_for


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

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small file system")
    def test_a_full_disk_is_told_on_the_phone(self):
        told = []

        class Phone(BaseHTTPRequestHandler):
            def do_POST(self):
                told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        phone = HTTPServer(("127.0.0.1", 0), Phone)
        threading.Thread(target=phone.serve_forever, daemon=True).start()
        with crash.small_disk(32) as where:
            daemon = Daemon(f"""
listen: 127.0.0.1:{{port}}
data_dir: {where}/data
defaults: {{interval: 1s, timeout: 500ms}}
targets:
  - {{name: raksa, address: 127.0.0.1, ping: false, probes: [{{prometheus: "http://127.0.0.1:{{port}}/metrics"}}]}}
rules: [{ROOT}/rules/self.yaml]
notify: [{{webhook: {{url: "http://127.0.0.1:{phone.server_address[1]}/"}}}}]
""")
            try:
                daemon.start()
                self.assertTrue(wait_for(lambda: daemon.query("raksa_store_writable == 1"), 10))
                self.assertTrue(wait_for(lambda: crash.fill(where) or any("RaksaStoreNotWritable" in m for m in told), 45, 0.5),
                                f"nobody was told: {told} {crash.store_state(daemon)}\n{daemon.log_text()}")
                self.assertTrue(any("is its disk full?" in m for m in told), told)
                before = len(told)
                (where / "filler").unlink()
                self.assertTrue(wait_for(lambda: len(told) > before, 45), "nobody was told that it is over")
            finally:
                daemon.close()
                phone.shutdown()
                phone.server_close()

    def test_torn_last_pages_are_opened(self):
        copies, _, faults = crash.run_torn(8, 7, say=lambda _text: None)
        self.assertEqual(faults, [])
        self.assertEqual(copies, 8)


if __name__ == "__main__":
    unittest.main()
