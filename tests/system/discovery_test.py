"""Targets from files and servers: taken, changed and dropped without a restart; what is bad changes nothing."""
import json
import unittest

from raksa_daemon import Daemon, wait_for
from scrape_test import Pages


class Discovery(unittest.TestCase):
    def setUp(self):
        self.pages = Pages()
        self.addCleanup(self.pages.close)
        self.pages.pages = {"/metrics": ("text/plain", "a 1\n"), "/other": ("text/plain", "a 2\n"), "/sd": ("application/json", "[]")}
        self.here = f"127.0.0.1:{self.pages.port}"
        self.raksa = Daemon(f"""
listen: 127.0.0.1:{{port}}
data_dir: {{dir}}/data
rules: []
defaults: {{interval: 1s, timeout: 1s}}
discovery:
  - {{file_sd: [targets/*.json, targets/*.yaml], refresh: 1s, labels: {{site: bkk}}, prometheus: {{job: found}}}}
  - {{http_sd: 'http://{self.here}/sd', refresh: 1s}}
""", {"targets/a.json": json.dumps([{"targets": [self.here], "labels": {"rack": "7", "__meta_x": "y"}}])})
        self.addCleanup(self.raksa.close)
        self.raksa.start()

    def seen(self):
        """rack → value of the series a."""
        return {one["metric"].get("rack", one["metric"]["job"]): one["value"][1] for one in self.raksa.query("a")}

    def becomes(self, expected):
        if not wait_for(lambda: self.seen() == expected, 15, 0.2):
            self.assertEqual(self.seen(), expected, self.raksa.log_text())

    def test_targets_come_change_and_go(self):
        self.becomes({"7": "1"})
        metric = self.raksa.query("a")[0]["metric"]
        self.assertEqual((metric["job"], metric["instance"], metric["site"], metric["target"]),
                         ("found", self.here, "bkk", f"found-127.0.0.1-{self.pages.port}"))
        self.assertNotIn("__meta_x", metric)
        self.raksa.write("targets/b.yaml", f"- targets: ['{self.here}']\n  labels: {{rack: '8', __metrics_path__: /other}}\n")
        self.becomes({"7": "1", "8": "2"})
        self.raksa.write("targets/b.yaml", "- targets: [5\n- nonsense")
        self.assertTrue(wait_for(lambda: "targets/b.yaml:2:" in self.raksa.log_text() or "targets/b.yaml:1:" in self.raksa.log_text(), 15), self.raksa.log_text())
        self.becomes({"7": "1", "8": "2"})
        (self.raksa.dir / "targets/b.yaml").unlink()
        self.becomes({"7": "1"})
        self.pages.pages["/sd"] = ("application/json", json.dumps([{"targets": [self.here], "labels": {"job": "web"}}]))
        self.becomes({"7": "1", "web": "1"})
        del self.pages.pages["/sd"]
        self.assertTrue(wait_for(lambda: "HTTP status 503" in self.raksa.log_text(), 15))
        self.becomes({"7": "1", "web": "1"})


if __name__ == "__main__":
    unittest.main()
