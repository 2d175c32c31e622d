#!/usr/bin/env python3
"""The page in a real Chromium, with real servers behind it that break (web/tests/lab.mjs drives it)."""
import json
import os
import subprocess
import sys

from lab_world import ROOT, LabTest, Raksa, lab

os.environ["LAB_AGAIN_SECONDS"] = "4"  # of app-dies-again: how long it lives after a start
os.environ["LAB_AGAIN_TIMES"] = "20"  # also when a slow browser presses "Stop" after several repairs
sys.path.insert(0, str(ROOT / "tests/system"))
from chromium import BrowserTest, drive  # noqa: E402  pylint: disable=wrong-import-position

MARKUP = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'
INTERFACE = "<b>$(x)'\"&"
BROKEN = "/etc/nginx/conf.d/hostile.conf"


def settings(text):
    """web1 is repaired only when somebody approves; web2 has markup for a label. What was repaired is watched for longer than app-dies-again
    lives: on a busy machine five seconds are over before it was killed again and that was seen, and then it is another incident, which nobody
    has stopped."""
    first, second = text.index("  - name: web1"), text.index("  - name: web2")
    web1 = text[first:second].replace("    ssh: ops\n", "    ssh: ops\n    recovery: approve\n")
    rest = text[second:].replace("labels: {site: lab}", "labels: {site: lab, note: " + json.dumps(MARKUP) + "}", 1)
    return (text[:first] + web1 + rest).replace("interval: 5s", "interval: 2s").replace("hold: 5s", "hold: 15s")


def hostile():
    """nginx refuses to start and says why, in the words of whoever wrote its configuration."""
    directive = MARKUP.replace('"', "")
    lab("sh", "web1", "sh", "-c", f"printf '%s\\n' '\"{directive}\" on;' > {BROKEN}; systemctl restart nginx", check=False)


ANSWERS = {
    "break web2 app-killed": lambda: lab("break", "web2", "app-killed"),
    "break web2 app-dies-again": lambda: lab("break", "web2", "app-dies-again"),
    "heal web2": lambda: lab("heal", "web2"),
    "hostile web1": hostile,
    "mend web1": lambda: lab("sh", "web1", "rm", BROKEN),
}


class LivePage(LabTest, BrowserTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab("sh", "web2", "ip", "link", "add", "name", INTERFACE, "type", "veth", "peer", "name", "hostile1")
        cls.raksa = Raksa("page", edit=settings).start()

    @classmethod
    def tearDownClass(cls):
        try:
            cls.raksa.stop()
            lab("sh", "web2", "ip", "link", "del", INTERFACE, check=False)
            for server in ("web1", "web2"):
                lab("heal", server)
        finally:
            super().tearDownClass()

    def test_in_chromium(self):
        with subprocess.Popen([str(ROOT / "lab/page"), "--port", "0", "--socket", self.raksa.socket], stdout=subprocess.PIPE, text=True) as page:
            try:
                url = page.stdout.readline().strip().rstrip("/")
                checks, said = drive("lab.mjs", [url], ANSWERS, 400)
            finally:
                page.terminate()
        self.judge(checks, said, 9)


if __name__ == "__main__":
    import unittest
    unittest.main()
