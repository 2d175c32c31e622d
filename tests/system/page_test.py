#!/usr/bin/env python3
"""The page in a real Chromium against the real daemon (web/tests/page.mjs drives it); screenshots in build/test/pictures."""
import json
import shutil
import subprocess
import unittest

from raksa_daemon import ROOT, Daemon, free_port

CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
defaults: {interval: 1s, timeout: 500ms}
targets:
  - name: web1
    address: 127.0.0.1
    url: http://127.0.0.1:WEB/
    ports: [WEB]
    labels: {note: "<img src=x onerror=alert(1)>"}
  - {name: here, address: 127.0.0.1}
rules: [RULES]
recovery: {mode: auto, hold: 2s}
""".replace("RULES", str(ROOT / "rules/default.yaml"))


class Page(unittest.TestCase):
    def test_in_chromium(self):
        if not shutil.which("chromium"):
            self.skipTest("chromium is not installed")
        work = ROOT / "build/release/web/work"
        pictures = ROOT / "build/test/pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        web = free_port()
        with Daemon(CONFIG.replace("WEB", str(web))) as daemon:
            done = subprocess.run(["node", str(work / "tests/page.mjs"), f"http://127.0.0.1:{daemon.port}", str(web), str(pictures)],
                                  capture_output=True, text=True, timeout=280, cwd=work)
            checks = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            self.assertGreaterEqual(len(checks), 10, done.stdout + done.stderr)
            for item in checks:
                with self.subTest(item["check"]):
                    self.assertEqual(item["result"], "ok", item.get("text"))


if __name__ == "__main__":
    unittest.main()
