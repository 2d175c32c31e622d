"""Targets from files and servers: taken, changed and dropped without a restart; what is bad changes nothing."""
import json
import signal
import unittest

from raksa_daemon import Daemon, wait_for
from scrape_test import Pages, Prometheus


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

    def test_relabeling_as_in_prometheus(self):
        rules = """
      - {source_labels: [__meta_state], regex: stopped, action: drop}
      - {source_labels: [__meta_name, rack], separator: '-', target_label: instance}
      - {regex: '__meta_tag_(.+)', action: labelmap}
      - {source_labels: [__address__], regex: '(.*):(.*)', target_label: port, replacement: '$2'}
      - {source_labels: [__meta_path], regex: '(.+)', target_label: __metrics_path__}
      - {source_labels: [__address__], target_label: shard, modulus: 5, action: hashmod}
      - {source_labels: [job, __scheme__, __metrics_path__, __param_x], target_label: seen}
      - {source_labels: [rack], regex: '8', target_label: job, replacement: eight}
"""
        groups = json.dumps([
            {"targets": [self.here], "labels": {"rack": "7", "__meta_name": "web", "__meta_tag_city": "กรุงเทพ", "__meta_tag_x": "y"}},
            {"targets": [self.here], "labels": {"rack": "8", "__meta_path": "/other", "__param_x": "z"}},
            {"targets": [self.here], "labels": {"rack": "9", "__meta_state": "stopped"}}])
        self.raksa.write("found.json", groups)
        common = f"relabel_configs:{rules}"
        self.raksa.set_config(f"listen: 127.0.0.1:{{port}}\ndata_dir: {{dir}}/data\nrules: []\ndefaults: {{interval: 1s, timeout: 1s}}\n"
                              "discovery:\n  - file_sd: found.json\n    refresh: 1s\n    prometheus: {job: sd}\n    " + common)
        self.raksa.process.send_signal(signal.SIGHUP)
        prometheus = Prometheus("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n  - job_name: sd\n"
                                f"    file_sd_configs: [{{files: ['{self.raksa.dir}/found.json']}}]\n    " + common)
        self.addCleanup(prometheus.close)

        def labels(source):
            found = source.query('{__name__=~"a|up"}')
            return sorted(sorted((name, value) for name, value in one["metric"].items() if name not in ("target", "ip", "probe", "site"))
                          for one in found)

        self.assertTrue(wait_for(lambda: labels(prometheus) == labels(self.raksa) and len(labels(prometheus)) == 4, 25, 0.3),
                        (labels(prometheus), labels(self.raksa), self.raksa.log_text()))


if __name__ == "__main__":
    unittest.main()
