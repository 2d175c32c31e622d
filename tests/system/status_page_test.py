#!/usr/bin/env python3
"""The public status page of the real program: on its own address nothing else answers, and nothing tells of a host."""
import http.client
import json
import unittest

from raksa_daemon import Daemon, free_port, wait_for

CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
defaults: {interval: 1s, timeout: 500ms}
targets:
  - {name: secret-host, address: 127.0.0.1, ports: [{port}]}
  - {name: other-host, address: 127.0.0.1, ports: [GONE]}
rules: []
auth: {token_file: tokens, always: true}
status_page:
  title: Our services
  listen: 127.0.0.1:PUBLIC
  applications:
    - {name: Shop, description: where people buy, targets: [secret-host]}
    - {name: Mail, targets: [other-host]}
    - {name: All, targets: [secret-host, other-host]}
"""


class StatusPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.public, gone = free_port(), free_port()
        tokens = "ann read " + "0" * 64 + "\n"
        cls.daemon = Daemon(CONFIG.replace("PUBLIC", str(cls.public)).replace("GONE", str(gone)), files={"tokens": tokens}).start()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def ask(self, path, method="GET", headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.public, timeout=10)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace"), answer.headers
        finally:
            connection.close()

    def test_states_of_the_applications(self):
        def states():
            page = json.loads(self.ask("/api/v1/public/status")[1])
            found = {a["name"]: a["state"] for a in page["applications"]}
            return page if found == {"Shop": "up", "Mail": "down", "All": "degraded"} else None
        page = wait_for(states, 40, 0.5)
        self.assertIsNotNone(page, self.ask("/api/v1/public/status")[1])
        self.assertEqual(page["title"], "Our services")
        for application in page["applications"]:
            self.assertEqual(len(application["days"]), 90)
            self.assertLessEqual({"name", "state", "days", "incidents"}, set(application))
        text = self.ask("/api/v1/public/status")[1]
        for word in ("secret-host", "other-host", "127.0.0.1", str(self.daemon.port), "port{"):
            self.assertNotIn(word, text)

    def test_the_same_answer_without_login_on_the_main_address(self):
        status, text = self.daemon.get("/api/v1/public/status")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(text)["title"], "Our services")
        self.assertEqual(self.daemon.get("/api/v1/fleet")[0], 401)

    def test_nothing_else_answers_on_its_own_address(self):
        paths = ["/api/v1/fleet", "/api/v1/status", "/api/v1/session", "/api/v1/query?query=up", "/api/v1/settings", "/metrics", "/-/healthy",
                 "/-/ready", "/probe?target=secret-host", "/incidents", "/index.html", "/api/v1/events", "/api/v1/public", "/assets/", "/assets/../index.html",
                 "/assets/%2e%2e/index.html", "/status/x", "/api/v1/public/status/x"]
        for path in paths:
            status, text, headers = self.ask(path)
            self.assertIn(status, (400, 404), path)
            self.assertNotIn("Raksa", text, path)
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        for method, path in (("POST", "/api/v1/login"), ("POST", "/-/reload"), ("POST", "/shs"), ("DELETE", "/api/v1/silences/1"), ("POST", "/api/v1/public/status")):
            status = self.ask(path, method, {"Content-Type": "application/json"}, "{}")[0]
            self.assertIn(status, (404, 405), f"{method} {path}")

    def test_any_host_name_may_be_used(self):
        self.assertEqual(self.ask("/api/v1/public/status", headers={"Host": "status.example"})[0], 200)


if __name__ == "__main__":
    unittest.main()
