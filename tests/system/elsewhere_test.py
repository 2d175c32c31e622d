#!/usr/bin/env python3
"""Rules and queries answered by a real Prometheus instead of the embedded store (`store: {url: …}`)."""
import json
import subprocess
import unittest
import urllib.parse

from raksa_daemon import PROMTOOL, Daemon, free_port, wait_for
from remote_peers import Prometheus

CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
defaults: {interval: 1s, timeout: 500ms}
targets:
  - name: here
    address: 127.0.0.1
    ports: [{port}]
rules: [rules.yaml]
store: {url: "PEER", timeout: 3s}
remote_write: [{url: "PEER/api/v1/write", max_backoff: 500ms}]
"""
RULES = """
groups:
  - name: there
    interval: 1s
    rules:
      - alert: HeldThere
        expr: up{job="itself"} == 1
        annotations: {summary: "{{ $labels.instance }} is {{ $value }}"}
      - record: there:series
        expr: count by (job) (up)
      - alert: OwnSample
        expr: ping{target="here"} == 1 and on() there:series > 0
"""


class Elsewhere(unittest.TestCase):
    def test_rules_and_queries_are_answered_there(self):
        port = free_port()
        peer = Prometheus(f"""
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: itself, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
""")
        peer.port, peer.url = port, f"http://127.0.0.1:{port}"
        with peer, Daemon(CONFIG.replace("PEER", peer.url), files={"rules.yaml": RULES}) as raksa:
            alerts = wait_for(lambda: (lambda found: found if len(found) == 2 else None)(self.firing(raksa)), 30)
            self.assertTrue(alerts, f"{self.rules(raksa)}\n{raksa.log_text()}")
            self.assertEqual(alerts["HeldThere"]["annotations"]["summary"], f"127.0.0.1:{port} is 1")
            self.assertEqual(alerts["OwnSample"]["labels"]["target"], "here")
            self.assertEqual({rule["health"] for rule in self.rules(raksa)}, {"ok"})
            self.questions(raksa, peer)
            # The engine goes away: that is told, and what fires goes on firing.
            peer.kill()
            broken = wait_for(lambda: [r for r in self.rules(raksa) if r["health"] == "err"], 20)
            self.assertIn(f"store {peer.url}", broken[0]["lastError"])
            status, text = raksa.get("/api/v1/query?query=up")
            self.assertEqual((status, json.loads(text)["errorType"]), (503, "unavailable"))
            self.assertIn(peer.url, json.loads(text)["error"])
            self.assertEqual(set(self.firing(raksa)), {"HeldThere", "OwnSample"})
            peer.start()
            self.assertTrue(wait_for(lambda: {r["health"] for r in self.rules(raksa)} == {"ok"}, 20), self.rules(raksa))

    def questions(self, raksa, peer):
        self.assertEqual(raksa.query('up{job="itself"}')[0]["value"][1], "1")
        form = urllib.parse.urlencode({"query": 'count(up{job="itself"})'})
        status, text = raksa.request("POST", "/api/v1/query", form, {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual((status, json.loads(text)["data"]["result"][0]["value"][1]), (200, "1"))
        for path, params in (("/api/v1/labels", {}), ("/api/v1/label/job/values", {"match[]": "up"}),
                             ("/api/v1/series", {"match[]": ["up", "ping"]})):
            # The peer learns new series all the time: they are asked again when one came in between.
            def asked(of, path=path, params=params):
                return of.json(path, **params)["data"]
            if not wait_for(lambda ask=asked: ask(raksa) == ask(peer), 10):
                self.assertEqual(asked(raksa), asked(peer), path)
        status, text = raksa.get("/api/v1/query?query=sum(")
        self.assertEqual((status, json.loads(text)["errorType"]), (400, "bad_data"))
        url = f"http://127.0.0.1:{raksa.port}"
        done = subprocess.run([PROMTOOL, "query", "range", url, "up", "--step=1s"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('job="itself"', done.stdout)

    @staticmethod
    def firing(raksa):
        return {a["labels"]["alertname"]: a for a in raksa.json("/api/v1/alerts")["data"]["alerts"] if a["state"] == "firing"}

    @staticmethod
    def rules(raksa):
        return [rule for group in raksa.json("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]


if __name__ == "__main__":
    unittest.main()
