#!/usr/bin/env python3
"""Grafana's side: the calls of its Prometheus data source against the real daemon, every expression of the board and the alert rules,
and that what is committed is what Grafana's own SDK makes."""
import json
import pathlib
import re
import shutil
import subprocess
import time
import unittest
import urllib.parse

from raksa_daemon import ROOT, SNMPD, Daemon, free_port, wait_for
import socket

GRAFANA = ROOT / "grafana"
BOARD = json.loads((GRAFANA / "dashboards/raksa.json").read_text())
RULES = json.loads((GRAFANA / "provisioning/alerting/rules.json").read_text())
SECTIONS = {
    "Status": ["ping", "port", "http_code"], "Status History": ["ping", "port", "http_code"],
    "Resource": ["cpu_core", "mem_total", "mem_used", "disk_total", "disk_used"],
    "Resource Utilization": ["cpu_percent", "mem_percent", "disk_percent"],
    "Resource Utilization History": ["cpu_percent", "mem_percent", "disk_percent"],
    "Network": ["bits_received", "bits_sent", "bits_received", "bits_sent"]}
CONFIG = """
listen: 127.0.0.1:{port}
data_dir: {dir}/data
defaults: {interval: 1s, timeout: 900ms}
credentials: {agent: {snmp: {version: 2c, community: public, port: SNMP}}}
targets:
  - {name: web1, address: 127.0.0.1, url: "http://127.0.0.1:{port}/", ports: [{port}], snmp: agent}
rules: [RULES]
""".replace("RULES", str(ROOT / "rules/default.yaml"))


def sections():
    """Section -> its panels, in the board's order."""
    out = {}
    for panel in BOARD["panels"]:
        if panel["type"] == "row":
            current = out.setdefault(panel["title"], [])
        else:
            current.append(panel)
    return out


def filled(expression):
    """An expression as Grafana sends it, its variables filled in."""
    return expression.replace("$target", "web1").replace("$__rate_interval", "20s")


class Board(unittest.TestCase):
    def test_six_sections_with_their_metrics(self):
        found = sections()
        self.assertEqual(list(found), list(SECTIONS))
        for name, panels in found.items():
            metrics = [re.search(r"\b([a-z_]+)\{", p["targets"][0]["expr"])[1] for p in panels]
            self.assertEqual(metrics, SECTIONS[name], name)
            kind = {"stat", "timeseries"} if name == "Network" else {"timeseries"} if name.endswith("History") else {"stat"}
            self.assertEqual({p["type"] for p in panels}, kind, name)

    def test_up_and_down_in_words_and_colours(self):
        for panel in sections()["Status"][:2]:
            options = panel["fieldConfig"]["defaults"]["mappings"][0]["options"]
            self.assertEqual({k: v["text"] for k, v in options.items()}, {"0": "DOWN", "1": "UP"})
            self.assertEqual(options["0"]["color"], "red")

    def test_thresholds_are_the_rules(self):
        for panel in sections()["Resource Utilization"] + sections()["Resource Utilization History"]:
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            self.assertEqual([(s["value"], s["color"]) for s in steps], [(None, "green"), (80, "red")])

    def test_six_rules_that_keep_their_state_without_data(self):
        rules = RULES["groups"][0]["rules"]
        conditions = {r["data"][0]["model"]["expr"]: r["data"][2]["model"]["expression"] for r in rules}
        self.assertEqual(conditions, {"ping": "$B != 1", "port": "$B != 1", "http_code": "$B != 200", "cpu_percent": "$B > 80",
                                      "mem_percent": "$B > 80", "disk_percent": "$B > 80"})
        for rule in rules:
            self.assertEqual((rule["noDataState"], rule["execErrState"]), ("KeepLast", "KeepLast"))
            self.assertEqual(rule["data"][0]["relativeTimeRange"], {"from": 10, "to": 0})
            self.assertEqual(rule["data"][1]["model"]["reducer"], "last")
            self.assertEqual(rule["notification_settings"]["receiver"], "Raksa")
            # Labels are expanded from Grafana's environment when it reads the file; annotations are not.
            self.assertNotIn("$", json.dumps(rule["labels"]))

    def test_what_is_committed_is_what_the_sdk_makes(self):
        if not shutil.which("npm"):
            self.skipTest("npm is not installed")
        work = ROOT / "build/grafana"
        work.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", "generate.mjs", "node.d.ts", "tsconfig.json"):
            shutil.copy(GRAFANA / name, work / name)
        lock = (GRAFANA / "package-lock.json").read_text()
        mark = work / ".installed"
        if not mark.exists() or mark.read_text() != lock:
            done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], cwd=work,
                                  capture_output=True, text=True, timeout=300)
            if done.returncode != 0:
                self.skipTest("npm ci failed: " + done.stderr[-200:])
            mark.write_text(lock)
        # The SDK's types are Grafana's schema: the compiler checks every call against them.
        done = subprocess.run(["node_modules/.bin/tsc", "-p", "."], cwd=work, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout)
        out = work / "out"
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run(["node", "generate.mjs", str(out)], cwd=work, check=True, timeout=60)
        made = sorted(p.relative_to(out) for p in out.rglob("*.json"))
        self.assertEqual(len(made), 3)
        for path in made:
            self.assertEqual((out / path).read_text(), (GRAFANA / path).read_text(), f"run `npm run generate` in grafana/: {path}")


class DataSource(unittest.TestCase):
    """In the order in which Grafana asks: save & test, the explorer, the board's variables, panels, annotations, rules."""

    @classmethod
    def setUpClass(cls):
        cls.snmp = None
        cls.daemon = None
        port = free_port(socket.SOCK_DGRAM)
        directory = ROOT / "build/test"
        directory.mkdir(parents=True, exist_ok=True)
        conf = directory / "grafana-snmpd.conf"
        conf.write_text("rocommunity public 127.0.0.1\ndisk /\n")
        if SNMPD.exists():
            cls.snmp = subprocess.Popen([SNMPD, "-f", "-Lo", "-C", "-c", conf, f"udp:127.0.0.1:{port}"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.daemon = Daemon(CONFIG.replace("SNMP", str(port))).start()
        wanted = ["ping", "http_code"] + (["bits_received", "cpu_percent"] if cls.snmp else [])
        cls.came = wait_for(lambda: all(cls.daemon.query(f"count_over_time({m}[1m]) > 3") for m in wanted), 40, 0.5)

    @classmethod
    def tearDownClass(cls):
        if cls.snmp:
            cls.snmp.terminate()
            cls.snmp.wait(10)
        if cls.daemon:
            cls.daemon.close()

    def ask(self, path, method="GET", **params):
        query = urllib.parse.urlencode(params, doseq=True)
        headers = {"User-Agent": "Grafana/12.1.0", "Accept-Encoding": "identity"}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            status, text = self.daemon.request("POST", path, query, headers)
        else:
            status, text = self.daemon.request("GET", path + ("?" + query if query else ""), headers=headers)
        self.assertEqual(status, 200, f"{path}: {text[:300]}")
        answer = json.loads(text)
        self.assertEqual(answer["status"], "success")
        return answer["data"]

    def test_save_and_test(self):
        data = self.ask("/api/v1/query", "POST", query="1+1", time=str(time.time()))
        self.assertEqual(data["resultType"], "scalar")
        self.assertEqual(data["result"][1], "2")
        self.assertEqual(self.ask("/api/v1/status/buildinfo")["version"], "2.42.0")
        self.assertEqual(set(self.ask("/api/v1/rules")), {"groups"})

    def test_explorer(self):
        now = int(time.time())
        for path in ("/api/v1/labels", "/api/v1/series"):
            data = self.ask(path, "POST", **{"match[]": 'ping{target="web1"}', "start": now - 60, "end": now})
            self.assertTrue(data, path)
        self.assertIn("target", self.ask("/api/v1/labels", start=now - 60, end=now))
        self.assertEqual(self.ask("/api/v1/label/target/values", **{"match[]": "ping", "start": now - 60, "end": now}), ["web1"])
        names = self.ask("/api/v1/label/__name__/values", start=now - 60, end=now, limit=40000)
        self.assertIn("http_code", names)
        meta = self.ask("/api/v1/metadata", limit=40000)
        self.assertEqual(set(meta["ping"][0]), {"type", "help", "unit"})
        self.assertEqual(self.ask("/api/v1/query_exemplars", "POST", query="ping", start=now - 60, end=now), [])
        self.assertEqual(self.ask("/api/v1/format_query", query="sum( ping )"), "sum(ping)")
        for path in ("config", "flags", "runtimeinfo", "tsdb"):
            self.assertIsInstance(self.ask("/api/v1/status/" + path), dict)
        self.assertEqual(self.ask("/api/v1/alertmanagers"), {"activeAlertmanagers": [], "droppedAlertmanagers": []})
        self.assertIn("alerts", self.ask("/api/v1/alerts"))

    def test_every_expression_of_the_board_and_the_rules_gives_data(self):
        if not self.snmp:
            self.skipTest("snmpd is not installed")
        self.assertTrue(self.came, self.daemon.log_text())
        now = time.time()
        panels = [p for section in sections().values() for p in section]
        for panel in panels:
            target = panel["targets"][0]
            with self.subTest(panel["title"], expr=target["expr"]):
                if target["instant"]:
                    data = self.ask("/api/v1/query", "POST", query=filled(target["expr"]), time=now)
                    self.assertEqual(data["resultType"], "vector")
                else:
                    data = self.ask("/api/v1/query_range", "POST", query=filled(target["expr"]), start=int(now) - 60, end=int(now), step="5")
                    self.assertEqual(data["resultType"], "matrix")
                self.assertTrue(data["result"])
                legend = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
                self.assertLessEqual(set(legend), set(data["result"][0]["metric"]), "a label of the legend is missing")
        for rule in RULES["groups"][0]["rules"]:
            with self.subTest(rule["title"]):
                data = self.ask("/api/v1/query_range", "POST", query=rule["data"][0]["model"]["expr"], start=int(now) - 10, end=int(now), step="5")
                self.assertTrue(data["result"])

    def test_federation(self):
        status, text = self.daemon.get("/federate?" + urllib.parse.urlencode({"match[]": 'ping{target="web1"}'}))
        self.assertEqual(status, 200, text)
        self.assertRegex(text, r'(?m)^# TYPE ping \w+\nping\{.*target="web1".*\} 1 \d{13}$')
        self.assertEqual(self.daemon.get("/federate")[0], 200)
        self.assertEqual(self.daemon.get("/federate?match[]=%7B")[0], 400)


if __name__ == "__main__":
    unittest.main()
