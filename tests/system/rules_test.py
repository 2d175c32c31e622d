"""Rules: unit test files have the verdict of promtool, the shipped rules pass theirs, and a real Prometheus raises the same alerts."""
import re
import subprocess
import unittest

from raksa_daemon import PROMETHEUS, PROMTOOL, RAKSA, ROOT, Daemon, wait_for
from scrape_test import Pages, Prometheus, by_series

CASES = sorted((ROOT / "tests/rules/unit/cases").glob("*.yaml"))
RULES = """
groups:
  - name: live
    interval: 1s
    rules:
      - record: hot:count
        expr: count(temperature > 50)
      - alert: Hot
        expr: temperature > 50
        for: 2s
        labels: {severity: "{{ if gt $value 80.0 }}high{{ else }}low{{ end }}"}
        annotations:
          summary: '{{ $labels.room | title }}: {{ $value | humanize }} at {{ $externalLabels.site }}'
          others: '{{ range query "temperature" | sortByLabel "room" }}{{ .Labels.room }}={{ .Value }};{{ end }}'
          link: '{{ graphLink "temperature > 50" }}'
      - alert: Many
        expr: hot:count >= 2
        annotations: {n: '{{ $value }}', raksa_no_data: ok}
"""


def run(*argv):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    return done.returncode, done.stdout + done.stderr


@unittest.skipUnless(PROMTOOL.exists(), "tools/install test")
class UnitTests(unittest.TestCase):
    def test_the_same_verdict_as_promtool(self):
        self.assertGreater(len(CASES), 15)
        for case in CASES:
            with self.subTest(case.name):
                theirs, their_text = run(PROMTOOL, "test", "rules", case)
                ours, our_text = run(RAKSA, "test", "--as-prometheus", case)
                self.assertEqual(theirs, 0 if case.name.startswith("good") else 1, their_text)
                self.assertEqual(ours, theirs, our_text)

    def test_what_failed_is_said_as_promtool_says_it(self):
        for name in ("bad-alert-too-early", "bad-alert-annotation", "bad-alert-unexpected", "bad-expr-value", "bad-nan"):
            with self.subTest(name):
                case = ROOT / f"tests/rules/unit/cases/{name}.yaml"

                def told(text):
                    return re.sub(r"\\s*\\n", "\\n", text[text.index("FAILED"):]).strip()

                self.assertEqual(told(run(RAKSA, "test", "--as-prometheus", case)[1]), told(run(PROMTOOL, "test", "rules", case)[1]))

    def test_where_raksa_differs_it_is_by_its_own_rule(self):
        case = ROOT / "tests/rules/unit/cases/good-vanished-ends-in-prometheus.yaml"
        self.assertEqual(run(RAKSA, "test", "--as-prometheus", case)[0], 0)
        status, text = run(RAKSA, "test", case)
        self.assertEqual(status, 1)
        self.assertIn("got:[\n            0:", text)

    def test_the_shipped_rules(self):
        files = sorted((ROOT / "tests/rules/shipped").glob("*.yaml"))
        self.assertTrue(files)
        status, text = run(RAKSA, "test", *files)
        self.assertEqual(status, 0, text)

    def test_files_that_are_not_there_or_bad(self):
        status, text = run(RAKSA, "test", "/nonexistent.yaml")
        self.assertEqual(status, 2, text)
        status, text = run(RAKSA, "test", ROOT / "tests/rules/unit/cases/bad-notation.yaml")
        self.assertEqual(status, 1)
        self.assertRegex(text, r"bad-notation.yaml:\d+:\d+: expected a number, stale or _, found \"three\"\n.*\n *\^")


@unittest.skipUnless(PROMETHEUS.exists(), "tools/install test")
class Live(unittest.TestCase):
    def test_the_same_alerts_as_in_prometheus(self):
        pages = Pages()
        self.addCleanup(pages.close)

        def serve(**rooms):
            pages.pages = {"/m": ("text/plain", "".join(f'temperature{{room="{room}"}} {value}\n' for room, value in rooms.items()))}

        serve(kitchen=60, hall=20)
        raksa = Daemon(f"""
listen: 127.0.0.1:{{port}}
data_dir: {{dir}}/data
external_labels: {{site: bkk}}
defaults: {{interval: 1s, timeout: 1s}}
rules: [rules.yaml]
targets:
  - name: web1
    address: 127.0.0.1
    ping: false
    probes: [{{prometheus: {{url: 'http://127.0.0.1:{pages.port}/m', job: m}}}}]
""", {"rules.yaml": RULES})
        self.addCleanup(raksa.close)
        rules = raksa.dir / "rules.yaml"
        prometheus = Prometheus(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, external_labels: {{site: bkk}}}}
rule_files: ['{rules}']
scrape_configs: [{{job_name: m, metrics_path: /m, static_configs: [{{targets: ['127.0.0.1:{pages.port}'], labels: {{target: web1, ip: 127.0.0.1}}}}]}}]
""")
        self.addCleanup(prometheus.close)
        raksa.start()

        def alerts(of):
            return sorted((a["state"], tuple(sorted(a["labels"].items())),
                           tuple(sorted((k, v) for k, v in a["annotations"].items() if k != "raksa_no_data")), a["value"]) for a in of)

        def same(count, series):
            def equal():
                theirs, ours = alerts(prometheus.json("/api/v1/alerts")["alerts"]), alerts(raksa.json("/api/v1/alerts")["data"]["alerts"])
                stored = '{__name__=~"ALERTS|hot:count"}'
                return theirs == ours and len(theirs) == count and len(prometheus.query(stored)) == series and \
                    by_series(prometheus.query(stored)) == by_series(raksa.query(stored))
            if not wait_for(equal, 15, 0.2):
                self.assertEqual(alerts(raksa.json("/api/v1/alerts")["data"]["alerts"]), alerts(prometheus.json("/api/v1/alerts")["alerts"]))
                self.assertEqual(by_series(raksa.query('{__name__=~"ALERTS|hot:count"}')), by_series(prometheus.query('{__name__=~"ALERTS|hot:count"}')))
                self.fail(f"not {count} alerts and {series} series")

        def firing():
            return [a for a in raksa.json("/api/v1/alerts")["data"]["alerts"] if a["state"] == "firing"]

        self.assertTrue(wait_for(firing, 15))
        same(1, 2)
        serve(kitchen=60, hall=90)
        self.assertTrue(wait_for(lambda: len(firing()) == 3, 15))
        same(3, 4)
        since = {a["labels"]["alertname"] + a["labels"].get("room", ""): a["activeAt"] for a in firing()}
        raksa.stop()
        raksa.start()
        self.assertTrue(wait_for(lambda: len(firing()) == 3, 15))
        self.assertEqual({a["labels"]["alertname"] + a["labels"].get("room", ""): a["activeAt"] for a in firing()}, since)
        serve(kitchen=20, hall=20)
        same(0, 0)


if __name__ == "__main__":
    unittest.main()
