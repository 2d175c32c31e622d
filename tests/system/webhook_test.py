#!/usr/bin/env python3
"""Alerts from outside, over the real API: the source design's webhook, a drop-in Alertmanager, what must not count."""
import json
import unittest

from raksa_daemon import ROOT, Daemon, free_port, wait_for

CONFIG = """
listen: 127.0.0.1:{port}
shs_listen: 127.0.0.1:SHS
data_dir: {dir}/data
targets:
  - {name: web1, address: 127.0.0.1, url: "http://127.0.0.1:{port}/"}
rules: []
"""
SHS = {"evalMatches": [{"value": 0, "metric": "port", "tags": {"__name__": "port", "ip": "127.0.0.1", "port": "80", "url": "127.0.0.1"}}],
       "ruleId": 3, "ruleName": "Port Status alert", "state": "alerting", "title": "[Alerting] Port Status alert"}


class Webhook(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shs = free_port()
        cls.daemon = Daemon(CONFIG.replace("SHS", str(cls.shs))).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def post(self, path, body):
        status, text = self.daemon.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return status, json.loads(text)

    def test_the_sources_webhook_opens_an_incident_on_its_own_port_too(self):
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", self.shs, timeout=5)
        connection.request("POST", "/shs", json.dumps(SHS), {"Content-Type": "application/json"})
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        found = wait_for(lambda: self.daemon.json("/api/v1/incidents")["incidents"], 10)
        self.assertTrue(found)
        self.assertEqual(found[0]["target"], "web1")
        self.assertIn("port 80", found[0]["title"])

    def test_a_drop_in_alertmanager(self):
        status, answer = self.post("/api/v2/alerts", [{"labels": {"alertname": "Disk", "instance": "web1", "target": "web1", "metric": "disk_percent"}}])
        self.assertEqual((status, answer["accepted"]), (200, 1), answer)

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
