#!/usr/bin/env python3
"""Alerts from outside, over the real API: the source design's webhook, a drop-in Alertmanager, what must not count."""
import hashlib
import hmac
import http.client
import http.server
import json
import subprocess
import threading
import time
import unittest

from raksa_daemon import PROMETHEUS, Daemon, free_port, wait_for

CONFIG = """
listen: 127.0.0.1:{port}
shs_listen: 127.0.0.1:SHS
data_dir: {dir}/data
targets:
  - {name: web1, address: 127.0.0.1, url: "http://127.0.0.1:{port}/"}
rules: []
webhooks:
  target_labels: [server]
  metrics: {"Site is slow": cpu_percent}
  grafana_signature: {secret_file: grafana_secret, timestamp_header: X-Grafana-Alerting-Timestamp, tolerance: 1m}
"""
SECRET = "correct horse battery staple"
SHS = {"evalMatches": [{"value": 0, "metric": "port", "tags": {"__name__": "port", "ip": "127.0.0.1", "port": "80", "url": "127.0.0.1"}}],
       "ruleId": 3, "ruleName": "Port Status alert", "state": "alerting", "title": "[Alerting] Port Status alert"}


class Metrics(http.server.BaseHTTPRequestHandler):
    """An empty page of metrics."""

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"site_info 1\n")

    def log_message(self, *_):
        """Says nothing."""


class Webhook(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shs = free_port()
        cls.daemon = Daemon(CONFIG.replace("SHS", str(cls.shs)), {"grafana_secret": SECRET + "\n"}).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def post(self, path, body):
        status, text = self.daemon.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return status, json.loads(text)

    def test_the_sources_webhook_opens_an_incident_on_its_own_port_too(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.shs, timeout=5)
        connection.request("POST", "/shs", json.dumps(SHS), {"Content-Type": "application/json"})
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        found = wait_for(lambda: [i for i in self.daemon.json("/api/v1/incidents")["incidents"] if "port 80" in i["title"]], 10)
        self.assertTrue(found, self.daemon.json("/api/v1/incidents"))
        self.assertEqual(found[0]["target"], "web1")

    def test_a_drop_in_alertmanager(self):
        status, answer = self.post("/api/v2/alerts", [{"labels": {"alertname": "Disk", "instance": "web1", "target": "web1", "metric": "disk_percent"}}])
        self.assertEqual((status, answer["accepted"]), (200, 1), answer)

    def test_labels_and_names_of_ones_own_name_target_and_metric(self):
        status, answer = self.post("/api/v1/webhook/alertmanager", {
            "version": "4", "groupKey": "{}", "status": "firing", "receiver": "raksa",
            "alerts": [{"status": "firing", "labels": {"alertname": "Site is slow", "server": "web1"}, "startsAt": "2026-01-01T00:00:00Z"}]})
        self.assertEqual((status, answer["accepted"]), (200, 1), answer)
        alert = next(a for t in self.daemon.json("/api/v1/fleet")["targets"] for a in t["alerts"] if a["name"] == "Site is slow")
        self.assertEqual((alert["labels"]["target"], alert["labels"]["metric"]), ("web1", "cpu_percent"))

    def signed(self, body, stamp=None, secret=SECRET, header="X-Grafana-Alerting-Signature"):
        text = json.dumps(body)
        stamp = str(int(time.time())) if stamp is None else stamp
        mac = hmac.new(secret.encode(), f"{stamp}:{text}".encode(), hashlib.sha256).hexdigest()
        return self.daemon.request("POST", "/api/v1/webhook/grafana", text, {"X-Grafana-Alerting-Timestamp": stamp, header: mac})

    def test_grafanas_signature_is_asked_for_once_a_secret_is_configured(self):
        body = {"version": "1", "status": "firing", "state": "alerting", "alerts": [
            {"status": "firing", "labels": {"alertname": "Signed", "target": "web1"}, "startsAt": "2026-01-01T00:00:00Z"}]}
        status, text = self.signed(body)
        self.assertEqual((status, json.loads(text)["accepted"]), (200, 1), text)
        for name, wrong in {"secret": {"secret": "wrong"}, "header": {"header": "X-Other"}, "old": {"stamp": str(int(time.time()) - 120)},
                            "no time": {"stamp": "soon"}}.items():
            with self.subTest(name):
                status, text = self.signed(body, **wrong)
                self.assertEqual(status, 403, text)
                self.assertIn("webhook signature", text)
        self.assertEqual(self.post("/api/v1/webhook/grafana", body)[0], 403, "not signed at all")
        self.assertEqual(self.post("/api/v1/webhook", body)[0], 200, "the other addresses go by token, here by loopback")

    def test_test_notices_and_the_senders_own_faults_count_for_nothing(self):
        for name in ("TestAlert", "DatasourceNoData", "DatasourceError"):
            status, answer = self.post("/api/v1/webhook", {"version": "1", "status": "firing", "state": "alerting", "alerts": [
                {"status": "firing", "labels": {"alertname": name, "target": "web1", "metric": "http_code"}, "startsAt": "2026-01-01T00:00:00Z"}]})
            self.assertEqual((status, answer["accepted"], len(answer["ignored"])), (200, 0, 1), answer)

    def test_a_real_prometheus_takes_us_for_its_alertmanager(self):
        site, own = free_port(), free_port()
        folder = self.daemon.dir
        self.daemon.write("site.rules", """
groups: [{name: site, interval: 1s, rules: [{alert: SiteDown, expr: 'up{job="site"} == 0', labels: {severity: critical}}]}]
""")
        config = self.daemon.write("alerting.yml", f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [site.rules]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{self.daemon.port}']}}]}}]}}
scrape_configs: [{{job_name: site, static_configs: [{{targets: ['127.0.0.1:{site}'], labels: {{target: web1}}}}]}}]
""")

        def active():
            views = [a for t in self.daemon.json("/api/v1/fleet")["targets"] for a in t["alerts"]]
            return [a for a in views if a["name"] == "SiteDown" and a["state"] == "firing"]

        def closed():
            found = [i for i in self.daemon.json("/api/v1/incidents")["incidents"] if "SiteDown" in i["title"]]
            return found if found and found[0]["closed"] else None
        with open(folder / "alerting.log", "wb") as log:
            process = subprocess.Popen([PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={folder}/alerting",
                                        f"--web.listen-address=127.0.0.1:{own}"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        server = None
        try:
            found = wait_for(active, 30, 0.2)
            self.assertTrue(found, (folder / "alerting.log").read_text()[-2000:])
            self.assertEqual((found[0]["source"], found[0]["labels"]["target"]), ("alertmanager", "web1"))
            # The site is back: Prometheus says so by itself.
            server = http.server.ThreadingHTTPServer(("127.0.0.1", site), Metrics)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.assertTrue(wait_for(lambda: not active(), 30, 0.2), "the end did not arrive")
            self.assertTrue(wait_for(closed, 10, 0.2), self.daemon.json("/api/v1/incidents"))
        finally:
            process.terminate()
            process.wait(20)
            if server:
                server.shutdown()
                server.server_close()

    def test_an_unknown_target_is_said_and_never_touched(self):
        status, answer = self.post("/api/v1/webhook", [{"labels": {"alertname": "X", "target": "web9"}}])
        self.assertEqual(status, 200)
        self.assertEqual((answer["accepted"], answer["unknown_targets"]), (0, 1), answer)
        self.assertIn("web9", " ".join(answer["ignored"]))

    def test_no_body_of_sense_is_refused(self):
        for body in ("", "{", "[1,2]", '{"evalMatches":'):
            status, text = self.daemon.request("POST", "/api/v1/webhook", body, {"Content-Type": "application/json"})
            self.assertEqual(status, 400, f"{body!r}: {status} {text}")


if __name__ == "__main__":
    unittest.main()
