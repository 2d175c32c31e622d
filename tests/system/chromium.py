"""Scripts of web/tests, which drive a real Chromium: run, told what they ask for, and judged by the checks that they print."""
import json
import shutil
import subprocess
import threading
import unittest

from raksa_daemon import RAKSA, ROOT

# Beside the program: the build whose page is in it, with the scripts of web/tests.
WORK = RAKSA.parent / "web/work"


def drive(script, arguments, answers, limit):
    """Runs a script of web/tests; does what it asks for (`answers`); gives its checks and everything that it wrote."""
    pictures = ROOT / "build/test/pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    checks, said = [], []
    with subprocess.Popen(["node", str(WORK / "tests" / script), *arguments, str(pictures)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=WORK) as node:
        watch = threading.Timer(limit, node.kill)
        watch.start()
        try:
            for line in node.stdout:
                said.append(line)
                item = json.loads(line) if line.startswith("{") else {}
                if "please" in item:
                    answers[item["please"]]()
                    node.stdin.write("done\n")
                    node.stdin.flush()
                elif "check" in item:
                    print(item["check"], item.get("seconds", "failed"))
                    checks.append(item)
        finally:
            watch.cancel()
            node.kill()
    return checks, "".join(said)


@unittest.skipUnless(shutil.which("chromium"), "chromium is not installed")
class BrowserTest(unittest.TestCase):
    def judge(self, checks, said, least):
        self.assertGreaterEqual(len(checks), least, said)
        for item in checks:
            with self.subTest(item["check"]):
                self.assertEqual(item["result"], "ok", item.get("text"))
